import type { AnswerTool, ToolResult } from '../answer/engine.ts';
import { STANDARD_FIELDS } from '../chatbots/lead-form.ts';
import { captureLead } from '../conversations/capture-lead.ts';
import { escalateConversation } from '../conversations/handoff.ts';
import type { Deps } from '../deps.ts';
import type { ChatbotTool } from '../domain/answering.ts';
import type { Chatbot } from '../domain/entities.ts';
import { RefusalError } from '../domain/errors.ts';
import { ANSWER_STEP_RETRY_MS, retryStep } from '../store/engines/retry.ts';

type ToolDeps = Pick<Deps, 'db' | 'clock' | 'bus' | 'background'>;

/** The reply's text if a lead was saved and the model writes no text. */
const LEAD_NOTICE = 'Thank you. We have noted how to reach you.';

/**
 * Creates the tools that the chatbot's owner has enabled for its models. A tool calls the same function as the API,
 * with the same validation and events. If that function throws a `RefusalError`, the model receives its message.
 */
export function createTools(deps: ToolDeps, chatbot: Chatbot, conversationId: string): AnswerTool[] {
  // A newer gateway on the same database may have stored a tool that this one does not have.
  const names = chatbot.answering.tools.filter((name) => Object.hasOwn(TOOLS, name));
  return names.map((name) => TOOLS[name](deps, chatbot, conversationId));
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
      runTool(deps, handoffMessage, async () => {
        const reason = textOf(input, 'reason')?.slice(0, 1_000);
        await escalateConversation(deps, { accountId, actorName: null }, { id: conversationId, reason });
        return 'A person was requested and will see this conversation. Tell the visitor.';
      }),
  }),

  CAPTURE_LEAD: (deps, { accountId, leadForm }, conversationId) => ({
    name: 'capture_lead',
    description: `Saves the visitor's contact details. Use it only with what the visitor has written. The form asks: ${leadForm.title}`,
    parameters: {
      type: 'object',
      properties: Object.fromEntries(
        leadForm.fields.map(({ name, label }) => [name, { type: 'string', description: label }]),
      ),
      required: leadForm.fields.flatMap(({ name, isRequired }) => (isRequired ? name : [])),
      additionalProperties: false,
    },
    run(input) {
      // Shared by all retries, so that a retry finds the lead of an earlier attempt whose outcome is unknown.
      const retryContext = { id: undefined };
      return runTool(deps, LEAD_NOTICE, async () => {
        const values = leadForm.fields.map(({ name }) => [name, textOf(input, name)] as const);
        const standard = values.filter(([name]) => STANDARD_FIELDS.has(name));
        const custom = values.filter(([name, value]) => !STANDARD_FIELDS.has(name) && value !== undefined);
        const customData = custom.length > 0 ? Object.fromEntries(custom) : undefined;
        const fields = { conversationId, ...Object.fromEntries(standard), customData };
        await captureLead(deps, { accountId }, fields, retryContext);
        return 'The contact details are saved. Thank the visitor.';
      });
    },
  }),
};

/**
 * Runs a tool as background work, so that it finishes even if the reply is stopped.
 * @param execute performs the tool's effect, and returns the report for the model; a `RefusalError` is also reported.
 * `execute` must be idempotent, because it is retried while the storage is unavailable.
 */
function runTool({ background }: ToolDeps, notice: string, execute: () => Promise<string>): Promise<ToolResult> {
  return new Promise((resolve, reject) => {
    background.run('use a tool', async (signal) => {
      try {
        const retryOptions = { signal, unavailableRetryMs: ANSWER_STEP_RETRY_MS, otherErrorRetryMs: 0 };
        const report = await retryStep(execute, retryOptions);
        resolve({ hasSucceeded: true, report, notice });
      } catch (error) {
        if (error instanceof RefusalError) {
          resolve({ hasSucceeded: false, report: `The tool failed: ${error.message}`, notice: '' });
        } else reject(error);
      }
    });
  });
}

/** Returns an argument of a model's tool call if it is a string that is not blank. */
function textOf(input: unknown, name: string): string | undefined {
  const value =
    typeof input === 'object' && input !== null ? Object.entries(input).find(([key]) => key === name)?.[1] : '';
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}
