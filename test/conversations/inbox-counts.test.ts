import { sql } from 'kysely';
import { expect, it } from 'vitest';
import { removeChatbotPart } from '../../src/store/chatbot-removal.ts';
import { createChatbot } from '../helpers/chatbots.ts';
import type { TestGateway } from '../helpers/gateway.ts';
import { createRandom, type Random } from '../helpers/random.ts';
import { mutate, openGateway } from '../schema/support.ts';

/** The random runs; `SEEDS=100` makes a long run. */
const SEEDS = Number(process.env.SEEDS ?? 1);
const ROUNDS = 6;
/** The operations that a round starts at once. */
const OPERATIONS_PER_ROUND = 8;

/**
 * The numbers of each chatbot as they are stored, and as a count of its conversations by their definition: in one
 * statement, so that replies that end meanwhile change both or neither.
 */
async function readCounts({ deps }: TestGateway, chatbotIds: readonly string[]) {
  const { rows } = await sql<{ chatbot_id: string; kind: 'stored' | 'counted' }>`
    select chatbot_id, 'stored' as kind, open, escalated, unassigned, unread from inbox_counts
    where chatbot_id in (${sql.join(chatbotIds)})
    union all
    select chatbot_id, 'counted', sum(case when status = 'OPEN' then 1 else 0 end),
      sum(case when status = 'ESCALATED' then 1 else 0 end),
      sum(case when status <> 'CLOSED' and assignee is null then 1 else 0 end),
      sum(case when status <> 'CLOSED' and unread_count > 0 then 1 else 0 end)
    from conversations where chatbot_id in (${sql.join(chatbotIds)}) group by chatbot_id
    order by chatbot_id`.execute(deps.db.read);
  const listOf = (wanted: string) => rows.flatMap(({ kind, ...counts }) => (kind === wanted ? [counts] : []));
  return { stored: listOf('stored'), counted: listOf('counted') };
}

/** Does something at random to a conversation of a chatbot; some operations are refused. */
async function act(gateway: TestGateway, random: Random, chatbotId: string): Promise<void> {
  const sessionId = `${random.below(5)}`;
  const assignee = ['Ada', 'Ben', null][random.below(3)];
  const { data } = await gateway.graphql<{
    conversation: { id: string; messages: { nodes: { id: string }[] } } | null;
  }>(`query ($of: ConversationSession!) { conversation(session: $of) { id messages(last: 5) { nodes { id } } } }`, {
    of: { chatbotId, sessionId },
  });
  if (!data.conversation || random.below(3) === 0) {
    await mutate(gateway, 'sendMessage', { chatbotId, sessionId, content: 'Are towers tall?' });
    return;
  }
  const { id, messages } = data.conversation;
  const message = messages.nodes[random.below(messages.nodes.length)]?.id ?? id;
  const actions: readonly (readonly [string, object])[] = [
    ['sendAgentMessage', { conversationId: id, content: 'A person.', isPrivate: random.below(4) === 0 }],
    ['markConversationRead', { id }],
    ['assignConversation', { id, assignee }],
    ['closeConversation', { id }],
    ['escalateConversation', { id }],
    ['handBackConversation', { id }],
    ['updateConversations', { ids: [id], status: ['OPEN', 'ESCALATED', 'CLOSED'][random.below(3)], assignee }],
    ['deleteMessage', { id: message }],
    ['editMessage', { id: message, content: 'Edited' }],
    ['regenerateMessage', { id: message }],
    ['selectBranch', { id: message }],
  ];
  const [name, input] = actions[random.below(actions.length)] ?? ['', {}];
  await mutate(gateway, name, input);
}

it('equals a count of all conversations after any concurrent changes, and while a chatbot is removed', async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const random = createRandom(seed);
    const gateway = await openGateway();
    const chatbotIds = [
      await createChatbot(gateway, { sources: ['Towers are tall.'] }),
      await createChatbot(gateway),
      await createChatbot(gateway),
    ] as const;
    for (let round = 0; round < ROUNDS; round++) {
      const chosen = Array.from({ length: OPERATIONS_PER_ROUND }, () => chatbotIds[random.below(3)] ?? chatbotIds[0]);
      await Promise.all(chosen.map((chatbotId) => act(gateway, random, chatbotId)));
      const { stored, counted } = await readCounts(gateway, chatbotIds);
      expect(stored, `seed ${seed}, round ${round}`).toEqual(counted);
    }
    const [removed] = chatbotIds;
    const { accountId, deps } = gateway;
    await mutate(gateway, 'deleteChatbot', { id: removed });
    let isRemaining = true;
    while (isRemaining) {
      isRemaining = await deps.db.transaction((trx) => removeChatbotPart(trx, { id: removed, accountId }));
      const { stored, counted } = await readCounts(gateway, chatbotIds);
      const withRows = stored.filter(({ chatbot_id }) => counted.some((other) => other.chatbot_id === chatbot_id));
      expect(withRows, `seed ${seed}`).toEqual(counted);
    }
    expect((await readCounts(gateway, [removed])).stored).toEqual([]);
  }
});
