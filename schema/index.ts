import './scalars.ts';
import './errors.ts';
import './node.ts';
import './viewer.ts';
import './usage.ts';
import './quota-warning.ts';
import './api-key.ts';
import './chatbot.ts';
import './estimate.ts';
import './source.ts';
import './search.ts';
import './conversation.ts';
import './generation.ts';
import './message.ts';
import './branch.ts';
import './handoff.ts';
import './lead.ts';
import './event.ts';
import './provider.ts';
import './webhook-event.ts';
import './webhook-subscription.ts';
import './webhook-delivery.ts';
import './webhook.ts';
import './webhook-sending.ts';
import { builder } from './builder.ts';

/** The graph: everything that clients can ask for. It needs neither a database nor a configuration to be loaded. */
export const schema = builder.toSchema();
