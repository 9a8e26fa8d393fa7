import { describe, expect, it } from 'vitest';
import type { Message } from '../../../src/web/chat/conversation.ts';
import { applyEvent, describeChange } from '../../../src/web/chat/events.ts';
import { INITIAL_STATE } from '../../../src/web/chat/store.ts';

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
const state = { ...INITIAL_STATE, messages: [question] };
const event = (type: Event['__typename'], more: object) => ({ __typename: type, cursor: 'c', ...more }) as Event;

describe('an event on the page', () => {
  it('adds a message of the shown branch, but not of another branch', () => {
    expect(applyEvent(state, event('MessageCreated', { message: reply }))?.messages).toEqual([question, reply]);
    expect(applyEvent(state, event('MessageCreated', { message: { ...reply, isShown: false } }))).toEqual({});
  });

  it('updates only known messages', () => {
    const ended = { ...reply, status: 'COMPLETED' } as Message;
    expect(applyEvent(state, event('MessageCompleted', { message: ended }))?.messages).toEqual([question]);
  });

  it.each(['StreamReady', 'BranchSelected', 'StreamGap'] as const)('causes a reload after %s', (type) => {
    expect(applyEvent(state, event(type, { message: { id: 'x' } }))).toBeUndefined();
  });

  it('replaces a version by a newer one', () => {
    const created = event('MessageCreated', { message: { ...reply, id: 's' }, replaces: { id: 'r' } });
    const shown = applyEvent({ ...state, messages: [question, reply] }, created)?.messages;
    expect(shown?.map(({ id }) => id)).toEqual(['q', 's']);
  });

  it('removes a deleted message, and no longer offers it as a version', () => {
    const versions = { ...reply, siblings: [{ id: 'r' }, { id: 'old' }] } as Message;
    const shown = { ...state, messages: [{ ...question, siblings: [{ id: 'q' }] } as Message, versions] };
    const afterVersion = applyEvent(shown, event('MessageDeleted', { messageId: 'old' }))?.messages;
    expect(afterVersion?.at(-1)?.siblings).toEqual([{ id: 'r' }]);
    const afterReply = applyEvent(shown, event('MessageDeleted', { messageId: 'r' }))?.messages;
    expect(afterReply?.map(({ id }) => id)).toEqual(['q']);
  });

  it('causes a reload when earlier text is missing', () => {
    const stateWithReply = { ...state, messages: [question, reply] };
    expect(applyEvent(stateWithReply, event('MessageDelta', { messageId: 'r', offset: 7, text: 'x' }))).toBeUndefined();
  });

  it('shows that a person is typing, until the message arrives', () => {
    const typing = event('TypingChanged', { role: 'AGENT', isTyping: true });
    expect(applyEvent(state, typing)).toEqual({ isPersonTyping: true });
    expect(applyEvent(state, event('TypingChanged', { role: 'USER', isTyping: true }))).toEqual({});
    const agentMessage = event('MessageCreated', { message: { ...reply, role: 'AGENT', status: 'COMPLETED' } });
    expect(applyEvent(state, agentMessage)?.isPersonTyping).toBe(false);
  });

  it('is ignored when its type is unknown', () => {
    expect(applyEvent(state, event('SomethingNew' as Event['__typename'], {}))).toEqual({});
  });
});

describe('the announcement', () => {
  const ended = { ...reply, status: 'COMPLETED', content: 'Hi.' } as Message;

  it('is a finished answer, once, and never an unfinished one', () => {
    expect(describeChange([question], [question, reply])).toBeUndefined();
    expect(describeChange([question, reply], [question, { ...reply, content: 'H' }])).toBeUndefined();
    expect(describeChange([question, reply], [question, ended])).toBe('Answer: Hi.');
    expect(describeChange([question, ended], [question, ended])).toBeUndefined();
  });

  it('says that an answer was interrupted, and which person wrote a message', () => {
    const interrupted = { ...ended, status: 'INTERRUPTED' } as Message;
    expect(describeChange([question, reply], [question, interrupted])).toBe('The answer was interrupted. Hi.');
    const person = { ...ended, role: 'AGENT', authorName: 'Grace' } as Message;
    expect(describeChange([question], [question, person])).toBe('Grace wrote: Hi.');
  });

  it('is absent when the page first loads messages', () => {
    expect(describeChange([], [question, ended])).toBeUndefined();
  });
});
