/** The parts of a result that name why the gateway refused an operation. */
interface Refusable {
  readonly errors?: readonly { readonly extensions?: { readonly code?: string } }[];
}

const WITHOUT_KEY =
  'This operation needs an API key. On the computer of the gateway, open the link to GraphiQL that the gateway printed ' +
  'at its latest start: then no key is needed. Elsewhere, put an API key between the quotes of "x-api-key" under ' +
  'Headers, and press play again.';
const WITH_KEY =
  'The gateway does not accept this API key. If you opened the link to GraphiQL, the gateway has been restarted since: ' +
  'open the link of its latest start. Otherwise put a valid key between the quotes of "x-api-key" under Headers.';

/** Adds to a result what the user can do if the gateway requires a credential, or another one. */
export function explainRefusal(result: unknown, hasKey: boolean): unknown {
  const { errors } = (result ?? {}) as Refusable;
  if (!errors?.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED')) return result;
  return { whatToDo: hasKey ? WITH_KEY : WITHOUT_KEY, ...(result as object) };
}
