import type { AnswerTool, ToolResult } from '../answer/engine.ts';
import { STANDARD_FIELDS } from '../chatbots/lead-form.ts';
import { captureLead } from '../conversations/capture-lead.ts';
import { escalateConversation } from '../conversations/handoff.ts';
import type { Deps } from '../deps.ts';
import type { ChatbotTool } from '../domain/answering.ts';
import type { Chatbot } from '../domain/entities.ts';
import { RefusalError } from '../domain/errors.ts';
import { ANSWER_STEP_MS, retryStep } from '../store/engines/retry.ts';

type ToolDeps = Pick<Deps, 'db' | 'clock' | 'bus' | 'background'>;

/** Said where a lead was kept and the model says nothing. */
const LEAD_NOTICE = 'Thank you. We have noted how to reach you.';

/**
 * What the models of a chatbot may do in a conversation, as its owner has chosen. It is done by the same verbs as when a
 * person asks for it, with the same rules and events; what they refuse is said to the model.
 */
export function createTools(deps: ToolDeps, chatbot: Chatbot, conversationId: string): AnswerTool[] {
  return chatbot.answering.tools.map((name) => TOOLS[name](deps, chatbot, conversationId));
}

const TOOLS: Record<ChatbotTool, (deps: ToolDeps, chatbot: Chatbot, conversationId: string) => AnswerTool> = {
  ESCALATE_TO_HUMAN: (deps, { accountId, handoffMessage }, conversationId) => ({
    name: 'escalate_to_human',
    description: 'Asks a person to take over. Use it when the visitor wants a person, or when you cannot help.',
    parameters: {
      type: 'object',
      properties: { reason: { type: 'string', description: 'Why, in one sentence for that person.' } },
      required: ['reason'],
      additionalProperties: false,
    },
    run: (input) =>
      use(deps, handoffMessage, async () => {
        const reason = textOf(input, 'reason')?.slice(0, 1_000);
        await escalateConversation(deps, { accountId }, { conversationId, reason });
        return 'A person has been asked for, and will see this conversation. Tell the visitor so.';
      }),
  }),

  CAPTURE_LEAD: (deps, { accountId, leadForm }, conversationId) => ({
    name: 'capture_lead',
    description: `Keeps how the visitor can be reached. Use it only with what the visitor has said. The form asks: ${leadForm.title}`,
    parameters: {
      type: 'object',
      properties: Object.fromEntries(
        leadForm.fields.map(({ name, label }) => [name, { type: 'string', description: label }]),
      ),
      required: leadForm.fields.flatMap(({ name, isRequired }) => (isRequired ? name : [])),
      additionalProperties: false,
    },
    run(input) {
      // Kept with its id, an attempt whose outcome is unknown is found by the next one.
      const lead = { id: undefined };
      return use(deps, LEAD_NOTICE, async () => {
        const given = leadForm.fields.map(({ name }) => [name, textOf(input, name)] as const);
        const standard = given.filter(([name]) => STANDARD_FIELDS.has(name));
        const custom = given.filter(([name, value]) => !STANDARD_FIELDS.has(name) && value !== undefined);
        const customData = custom.length > 0 ? Object.fromEntries(custom) : undefined;
        const asked = { conversationId, ...Object.fromEntries(standard), customData };
        await captureLead(deps, { accountId }, asked, lead);
        return 'It has been kept. Thank the visitor.';
      });
    },
  }),
};

/**
 * Does something for a model, as background work: it is finished even where nobody waits for the answer any more.
 * @param act does it, and reports to the model; what it refuses is reported as well. It is tried again while the storage is
 * unavailable, and so has the same effect once and twice.
 */
function use({ background }: ToolDeps, notice: string, act: () => Promise<string>): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    background.run('use a tool', async (signal) => {
      try {
        const report = await retryStep(act, { signal, unavailableMs: ANSWER_STEP_MS, brokenMs: 0 });
        resolve({ hasSucceeded: true, report, notice });
      } catch (error) {
        if (error instanceof RefusalError) {
          resolve({ hasSucceeded: false, report: `It was not done: ${error.message}`, notice: '' });
        } else reject(error);
      }
    });
  });
}

/** One of a model's arguments, where it is text that says anything. */
function textOf(input: unknown, name: string): string | undefined {
  const value =
    typeof input === 'object' && input !== null ? Object.entries(input).find(([key]) => key === name)?.[1] : '';
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}
