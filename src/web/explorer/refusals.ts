/** The parts of a result that name why the gateway refused an operation. */
interface Refusable {
  readonly errors?: readonly { readonly extensions?: { readonly code?: string } }[];
}

const WITHOUT_KEY =
  'This operation needs an API key. On the same computer as the gateway, open the link to GraphiQL that the gateway ' +
  'printed when it last started: you then need no key. Elsewhere, put an API key between the quotes of "x-api-key" ' +
  'under Headers, and press play again.';
const WITH_KEY =
  'The gateway does not accept this API key. If you opened the link to GraphiQL, the gateway has restarted since then: ' +
  'open the link that it printed when it last started. Otherwise, put a valid key between the quotes of "x-api-key" ' +
  'under Headers.';

/** Adds to a result what the user can do if the gateway requires a credential, or another one. */
export function explainRefusal(result: unknown, hasKey: boolean): unknown {
  const { errors } = (result ?? {}) as Refusable;
  if (!errors?.some(({ extensions }) => extensions?.code === 'UNAUTHENTICATED')) return result;
  return { whatToDo: hasKey ? WITH_KEY : WITHOUT_KEY, ...(result as object) };
}
