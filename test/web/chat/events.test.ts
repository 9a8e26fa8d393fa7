import { describe, expect, it } from 'vitest';
import type { Message } from '../../../src/web/chat/conversation.ts';
import { applyEvent, describeChange } from '../../../src/web/chat/events.ts';
import { EMPTY } from '../../../src/web/chat/store.ts';

type Event = Parameters<typeof applyEvent>[1];

const question = {
  id: 'q',
  role: 'USER',
  status: 'COMPLETED',
  content: 'Hello',
  isShown: true,
  parent: null,
} as Message;
const reply = {
  ...question,
  id: 'r',
  role: 'ASSISTANT',
  status: 'STREAMING',
  content: '',
  parent: { id: 'q' },
} as Message;
const state = { ...EMPTY, messages: [question] };
const event = (type: Event['__typename'], more: object) => ({ __typename: type, cursor: 'c', ...more }) as Event;

describe('an event on the page', () => {
  it('adds what is shown, and not what is told of another branch', () => {
    expect(applyEvent(state, event('MessageCreated', { message: reply }))?.messages).toEqual([question, reply]);
    expect(applyEvent(state, event('MessageCreated', { message: { ...reply, isShown: false } }))).toEqual({});
  });

  it('changes what is known only', () => {
    const ended = { ...reply, status: 'COMPLETED' } as Message;
    expect(applyEvent(state, event('MessageCompleted', { message: ended }))?.messages).toEqual([question]);
  });

  it.each(['BranchSelected', 'StreamGap'] as const)('has everything read again after %s', (type) => {
    expect(applyEvent(state, event(type, { message: { id: 'x' } }))).toBeUndefined();
  });

  it('has everything read again where something is missing', () => {
    const lost = { ...reply, parent: { id: 'unknown' } };
    expect(applyEvent(state, event('MessageCreated', { message: lost }))).toBeUndefined();
    const writing = { ...state, messages: [question, reply] };
    expect(applyEvent(writing, event('MessageDelta', { messageId: 'r', offset: 7, text: 'x' }))).toBeUndefined();
  });

  it('shows a person typing, until they have written', () => {
    const typing = event('TypingChanged', { role: 'AGENT', isTyping: true });
    expect(applyEvent(state, typing)).toEqual({ isPersonTyping: true });
    expect(applyEvent(state, event('TypingChanged', { role: 'USER', isTyping: true }))).toEqual({});
    const said = event('MessageCreated', { message: { ...reply, role: 'AGENT', status: 'COMPLETED' } });
    expect(applyEvent(state, said)?.isPersonTyping).toBe(false);
  });

  it('ignores what it does not know', () => {
    expect(applyEvent(state, event('SomethingNew' as Event['__typename'], {}))).toEqual({});
  });
});

describe('what is read out', () => {
  const ended = { ...reply, status: 'COMPLETED', content: 'Hi.' } as Message;

  it('is an answer when it has ended, once, and never a piece of it', () => {
    expect(describeChange([question], [question, reply])).toBeUndefined();
    expect(describeChange([question, reply], [question, { ...reply, content: 'H' }])).toBeUndefined();
    expect(describeChange([question, reply], [question, ended])).toBe('Answer: Hi.');
    expect(describeChange([question, ended], [question, ended])).toBeUndefined();
  });

  it('says when an answer ended early, and who else has written', () => {
    const cut = { ...ended, status: 'INTERRUPTED' } as Message;
    expect(describeChange([question, reply], [question, cut])).toBe('The answer was interrupted. Hi.');
    const person = { ...ended, role: 'AGENT', authorName: 'Grace' } as Message;
    expect(describeChange([question], [question, person])).toBe('Grace wrote: Hi.');
  });

  it('is nothing of what was there before the page', () => {
    expect(describeChange([], [question, ended])).toBeUndefined();
  });
});
