import { describe, expect, it } from 'vitest';
import {
  addCitation,
  addDelta,
  addMessage,
  addPage,
  type Message,
  mergeMessage,
} from '../../../src/web/chat/conversation.ts';
import { createRandom } from '../../helpers/random.ts';

function message(id: string, more: Partial<Message> = {}): Message {
  return {
    id,
    role: 'ASSISTANT',
    status: 'COMPLETED',
    content: '',
    rating: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    isShown: true,
    parent: null,
    siblings: [{ id }],
    citations: [],
    error: null,
    ...more,
  } as Message;
}

const childOf = (parent: string, id: string, more: Partial<Message> = {}) =>
  message(id, { parent: { id: parent }, ...more });
const ids = (messages: readonly Message[] | undefined) => messages?.map(({ id }) => id);

describe('the messages on the page', () => {
  it('include a new message at its place, without the message that it replaces and those after it', () => {
    const shown = ['a', 'b', 'c', 'e'].map((id) => message(id));
    expect(ids(addMessage(shown, message('f'), undefined))).toEqual(['a', 'b', 'c', 'e', 'f']);
    expect(ids(addMessage(shown, message('d'), undefined))).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(ids(addMessage(shown, message('f'), 'b'))).toEqual(['a', 'f']);
    expect(ids(addMessage(shown, message('d'), 'b'))).toEqual(['a', 'd', 'e']);
    expect(ids(addMessage(shown, message('e'), 'b'))).toEqual(['a', 'e']);
  });

  it('include a page of newest messages after the known earlier messages', () => {
    const known = [message('a'), childOf('a', 'b'), childOf('b', 'c')];
    expect(ids(addPage(known, [childOf('b', 'c2'), childOf('c2', 'd')]))).toEqual(['a', 'b', 'c2', 'd']);
    expect(ids(addPage(known, [message('x'), childOf('x', 'y')]))).toEqual(['x', 'y']);
    expect(ids(addPage(known, [childOf('unknown', 'y')]))).toEqual(['y']);
    expect(ids(addPage(known, []))).toEqual([]);
  });

  it('keep the most advanced version of a message, in whatever order versions arrive', () => {
    const streaming = message('a', { status: 'STREAMING', content: 'One two' });
    const ended = message('a', { status: 'INTERRUPTED', content: 'One' });
    expect(mergeMessage(streaming, ended)).toBe(ended);
    expect(mergeMessage(ended, streaming)).toEqual(ended);
    const late = message('a', { status: 'STREAMING', content: 'One' });
    expect(mergeMessage(streaming, late).content).toBe('One two');
  });

  it.each([1, 2, 3, 4, 5])('include all text exactly once when deltas overlap or repeat (seed %i)', (seed) => {
    const random = createRandom(seed);
    const text = Array.from({ length: 40 }, (_, index) => `${index} `).join('');
    let shown: readonly Message[] = [message('a', { status: 'STREAMING' })];
    let knownLength = 0;
    while (knownLength < text.length) {
      // The delta starts anywhere in the known text, as after a lost connection.
      const offset = random.below(knownLength + 1);
      const end = Math.min(text.length, offset + 1 + random.below(20));
      shown = addDelta(shown, { messageId: 'a', offset, text: text.slice(offset, end) }) ?? [];
      knownLength = Math.max(knownLength, end);
      expect(shown[0]?.content).toBe(text.slice(0, knownLength));
    }
  });

  it('report missing text before a delta, and ignore deltas of finished messages', () => {
    const shown = [message('a', { status: 'STREAMING', content: 'One' }), message('b', { content: 'Whole' })];
    expect(addDelta(shown, { messageId: 'a', offset: 4, text: 'two' })).toBeUndefined();
    expect(addDelta(shown, { messageId: 'b', offset: 0, text: 'Another text' })).toBe(shown);
    expect(addDelta(shown, { messageId: 'unknown', offset: 9, text: 'x' })).toBe(shown);
  });

  it('include a repeated citation once', () => {
    const citation = { start: 0, end: 3, title: 'Title', url: null, quote: 'One', passage: null };
    const shown = [message('a', { status: 'STREAMING', content: 'One' })];
    const once = addCitation(shown, 'a', citation);
    expect(addCitation(once, 'a', { ...citation })[0]?.citations).toEqual([citation]);
  });
});
