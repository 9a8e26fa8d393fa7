import { z } from 'zod';
import { applyAccessChange } from '../access/session-tokens/apply-change.ts';
import type { Viewer } from '../access/viewer.ts';
import { accountTopic, chatbotTopic, deletionTopic } from '../coordination/topics.ts';
import type { Deps } from '../deps.ts';
import type { Chatbot } from '../domain/entities.ts';
import { InvalidInputError, requireFound } from '../domain/errors.ts';
import { createId, kindOfId, parseId } from '../domain/ids.ts';
import {
  metadataObject,
  nameText,
  omitUndefined,
  parseChanges,
  parseInput,
  resettable,
  singleLine,
  text,
} from '../domain/input.ts';
import { toJson } from '../domain/json.ts';
import { BUILT_IN_MANIFEST } from '../domain/operations.ts';
import { normalizeText } from '../domain/text.ts';
import { toTimestamp } from '../domain/time.ts';
import { requireManifest } from '../operations/require-manifest.ts';
import { lockAccount } from '../store/accounts.ts';
import {
  findChatbot,
  findChatbotBySlug,
  insertChatbot,
  lockChatbot,
  updateChatbot as updateStoredChatbot,
} from '../store/chatbots.ts';
import { markChatbotDeleted } from '../store/deleted-chatbots.ts';
import { insertChatbotDeletion } from '../store/logs/account-logs.ts';
import { listStreamingReplyIds } from '../store/open-replies.ts';
import type { Queryable } from '../store/tables.ts';
import { allowedOriginsRule } from './allowed-origins.ts';
import { type AnsweringInput, answeringRules, DEFAULT_ANSWERING } from './answering.ts';
import { type IdentityInput, identityRules } from './identity-rules.ts';
import { DEFAULT_LEAD_FORM, leadFormRules } from './lead-form.ts';
import { removeOrContinueInBackground } from './remove-chatbots.ts';
import { requireUsableModels } from './usable-models.ts';

/** The dependencies of deletion. */
type DeletionDeps = Pick<Deps, 'db' | 'clock' | 'background' | 'bus' | 'announcements' | 'liveReplies' | 'keyring'>;

/**
 * The chatbot fields that an owner sets. An absent field keeps its value, null resets it to its default; in a new chatbot
 * both mean the default.
 */
export interface ChatbotFields {
  readonly name?: string | null | undefined;
  readonly slug?: string | null | undefined;
  readonly provider?: string | null | undefined;
  readonly model?: string | null | undefined;
  readonly instructions?: string | null | undefined;
  readonly fallbackMessage?: string | null | undefined;
  readonly handoffMessage?: string | null | undefined;
  readonly leadForm?: LeadFormInput | null | undefined;
  readonly answering?: AnsweringInput | null | undefined;
  readonly metadata?: unknown;
  readonly isPublic?: boolean | null | undefined;
  readonly identity?: IdentityInput | null | undefined;
  readonly allowedOrigins?: readonly string[] | null | undefined;
}

/** The changes to a chatbot: its fields, and what only a chatbot that exists has. */
export interface ChatbotChanges extends ChatbotFields {
  readonly id: string;
  readonly isActive?: boolean | null | undefined;
  readonly persistedOnly?: boolean | null | undefined;
  readonly sessionOperations?: string | null | undefined;
}

/** A lead form, as the owner sends it. */
export interface LeadFormInput {
  readonly title: string;
  readonly fields: readonly { name: string; label: string; isRequired?: boolean | null | undefined }[];
}

const DEFAULTS = {
  provider: 'builtin',
  model: null,
  instructions: '',
  fallbackMessage: 'I could not find an answer to that in my sources.',
  handoffMessage: 'A person has taken over this conversation and will reply here.',
  leadForm: DEFAULT_LEAD_FORM,
  answering: DEFAULT_ANSWERING,
  metadata: toJson({}),
  isPublic: false,
  allowedOrigins: [],
  identity: { isRequired: false, jwksUrl: null },
};

const MAX_SLUG_LENGTH = 64;

const slugText = z
  .string()
  .regex(
    /^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/,
    'Must be 1 to 64 lower-case letters, digits and hyphens, with no hyphen at either end.',
  )
  .refine((slug) => kindOfId(slug) === undefined, 'Must not have the form of an id.');

function rulesFor(deps: Pick<Deps, 'engines' | 'config'>) {
  const providers = [...deps.engines.keys()];
  return z.object({
    name: nameText,
    slug: slugText.optional(),
    provider: resettable(z.enum(providers, `Must be one of: ${providers.join(', ')}.`), DEFAULTS.provider),
    model: resettable(singleLine(1, 255), DEFAULTS.model),
    instructions: resettable(text(0, 32_000), DEFAULTS.instructions),
    fallbackMessage: resettable(text(1, 2_000), DEFAULTS.fallbackMessage),
    handoffMessage: resettable(text(1, 2_000), DEFAULTS.handoffMessage),
    leadForm: resettable(leadFormRules, DEFAULTS.leadForm),
    answering: resettable(answeringRules(providers), DEFAULTS.answering),
    metadata: resettable(metadataObject, DEFAULTS.metadata),
    isPublic: z.boolean().optional(),
    identity: identityRules(deps.config.allowedAddresses).transform(omitUndefined).optional(),
    allowedOrigins: resettable(allowedOriginsRule, DEFAULTS.allowedOrigins),
  });
}

const changeRules = {
  isActive: z.boolean().optional(),
  persistedOnly: resettable(z.boolean(), false),
  sessionOperations: resettable(
    z.string().transform((name) => (name === BUILT_IN_MANIFEST ? null : name)),
    null,
  ),
};

/**
 * Creates a chatbot. Without a `slug`, this function derives a slug from the name.
 * @throws InvalidInputError, also when another chatbot has the slug, and for a model that cannot be called.
 */
export async function createChatbot(
  deps: Pick<Deps, 'db' | 'clock' | 'engines' | 'config' | 'providerAccess'>,
  viewer: Pick<Viewer, 'accountId'>,
  input: ChatbotFields & { name: string },
  id: string = createId('chatbot'),
): Promise<Chatbot> {
  const { slug: requestedSlug, ...given } = omitUndefined(parseInput(rulesFor(deps), { ...input }));
  const fields = {
    ...DEFAULTS,
    ...given,
    answering: { ...DEFAULTS.answering, ...given.answering },
    identity: { ...DEFAULTS.identity, ...given.identity },
    isActive: true,
    persistedOnly: false,
    sessionOperations: null,
  };
  await requireUsableModels(deps, viewer.accountId, fields);
  const at = toTimestamp(deps.clock.now());
  return deps.db.transaction(async (trx) => {
    await lockAccount(trx, viewer.accountId);
    const slug = requestedSlug ?? (await generateSlug(trx, viewer.accountId, fields.name));
    await requireFreeSlug(trx, viewer.accountId, slug);
    const chatbot: Chatbot = {
      ...fields,
      id,
      accountId: viewer.accountId,
      slug,
      limits: {},
      createdAt: at,
      updatedAt: at,
    };
    await insertChatbot(trx, chatbot);
    return chatbot;
  });
}

/**
 * Changes the given fields of a chatbot. `isActive: false` pauses it. A change of provider selects the new provider's
 * default model, unless the input contains a model. A model that cannot be called is refused when it is set.
 * @throws InvalidInputError, NotFoundError
 */
export async function updateChatbot(
  deps: Pick<Deps, 'db' | 'clock' | 'engines' | 'config' | 'providerAccess' | 'announcements' | 'sessionTokens'>,
  viewer: Viewer,
  input: ChatbotChanges,
): Promise<Chatbot> {
  const rules = rulesFor(deps).partial().extend(changeRules);
  const fields = omitUndefined(parseChanges(rules, { ...input }));
  const current = requireFound(
    'Chatbot',
    await findChatbot(deps.db.read, viewer.accountId, requireFound('Chatbot', parseId('chatbot', input.id))),
  );
  // Before the transaction, because credentials may have to be read.
  await requireUsableModels(deps, viewer.accountId, changeFields(current, fields), current);
  const { previous, changed } = await deps.db.transaction(async (trx) => {
    const chatbot = await getLockedChatbot(trx, viewer.accountId, input.id);
    if (fields.slug !== undefined && fields.slug !== chatbot.slug) {
      await requireFreeSlug(trx, viewer.accountId, fields.slug);
    }
    const { sessionOperations: name } = fields;
    if (name) await requireManifest(trx, viewer.accountId, { path: 'sessionOperations', name });
    const changed = { ...changeFields(chatbot, fields), updatedAt: toTimestamp(deps.clock.now()) };
    await updateStoredChatbot(trx, changed);
    return { previous: chatbot, changed };
  });
  if (publicOriginsOf(previous) !== publicOriginsOf(changed)) await applyAccessChange(deps);
  return changed;
}

/** The origins that a chatbot opens to pages, as a text for comparisons. */
const publicOriginsOf = ({ isActive, isPublic, allowedOrigins }: Chatbot): string =>
  isActive && isPublic ? allowedOrigins.join(' ') : '';

type ChangedFields = Partial<Omit<Chatbot, 'answering' | 'identity'>> & {
  readonly [field in 'answering' | 'identity']?: Partial<Chatbot[field]>;
};

/** Returns a chatbot with the given fields. No provider offers the models of another provider. */
function changeFields(chatbot: Chatbot, { answering, identity, ...fields }: ChangedFields): Chatbot {
  const hasNewProvider = fields.provider !== undefined && fields.provider !== chatbot.provider;
  return {
    ...chatbot,
    ...(hasNewProvider && { model: null }),
    ...fields,
    answering: { ...chatbot.answering, ...answering },
    identity: { ...chatbot.identity, ...identity },
  };
}

/**
 * Deletes a chatbot with everything that belongs to it, and returns its id. Afterwards no query finds any of its data,
 * its replies are no longer generated, and its streams end. The rows of a large chatbot are removed after the response.
 * Open replies without any text give their quota back.
 * @throws NotFoundError
 */
export async function deleteChatbot(
  deps: DeletionDeps,
  viewer: Viewer,
  input: { id: string },
): Promise<{ deletedId: string }> {
  const deleted = await deps.db.transaction(async (trx) => {
    const chatbot = await getLockedChatbot(trx, viewer.accountId, input.id);
    // No new reply can start now, because that requires the chatbot's next event number, whose row is locked.
    const streamingReplyIds = await listStreamingReplyIds(trx, chatbot.accountId, chatbot.id);
    const at = toTimestamp(deps.clock.now());
    await markChatbotDeleted(trx, chatbot, at);
    await insertChatbotDeletion(trx, chatbot.accountId, {
      chatbotId: chatbot.id,
      id: createId('conversationEvent'),
      at,
    });
    return { chatbot, streamingReplyIds };
  });
  stopActivity(deps, deleted);
  await removeOrContinueInBackground(deps, deleted.chatbot);
  return { deletedId: deleted.chatbot.id };
}

/** Stops all activity of a deleted chatbot: generation on this node and on others, streams, sessions. */
function stopActivity(
  { bus, announcements, liveReplies, keyring }: DeletionDeps,
  {
    chatbot: { id, accountId },
    streamingReplyIds,
  }: { chatbot: Pick<Chatbot, 'id' | 'accountId'>; streamingReplyIds: readonly string[] },
): void {
  for (const messageId of streamingReplyIds) {
    liveReplies.get(messageId)?.stop.abort();
    announcements.announce('stop', messageId);
  }
  keyring.sessions.end(id);
  bus.publish(chatbotTopic(id));
  bus.publish(accountTopic(accountId));
  bus.publish(deletionTopic(id));
}

async function getLockedChatbot(trx: Queryable, accountId: string, givenId: string): Promise<Chatbot> {
  const id = requireFound('Chatbot', parseId('chatbot', givenId));
  return requireFound('Chatbot', await lockChatbot(trx, accountId, id));
}

async function requireFreeSlug(trx: Queryable, accountId: string, slug: string): Promise<void> {
  if ((await findChatbotBySlug(trx, accountId, slug)) !== undefined) {
    throw new InvalidInputError([{ path: ['slug'], message: 'Another chatbot has this slug.' }]);
  }
}

/** Derives an ASCII slug from a name, and appends a number if the slug is taken or has the form of an id. */
async function generateSlug(trx: Queryable, accountId: string, name: string): Promise<string> {
  const plain = normalizeText(name, 'NFKD')
    .replace(/\p{M}+/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-');
  const base = plain.slice(0, MAX_SLUG_LENGTH - 8).replace(/^-|-$/g, '') || 'chatbot';
  for (let n = 1; ; n++) {
    const slug = n === 1 ? base : `${base}-${n}`;
    if (kindOfId(slug) !== undefined) continue;
    if ((await findChatbotBySlug(trx, accountId, slug)) === undefined) return slug;
  }
}
