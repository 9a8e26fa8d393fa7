import { cpus } from 'node:os';
import { type Figure, ratiosOf, spreadOf } from './benchmark.ts';
import { hasSchedstat } from './cpu.ts';
import { CORES, canPin } from './server.ts';
import { formatTable } from './table.ts';

/** The circumstances of a measurement. */
export interface Circumstances {
  readonly command: string;
  readonly date: Date;
  readonly load: string;
  readonly rounds: number;
  readonly seconds: number;
}

const HEAD = ['goal', 'measured', 'ratio to the floor', 'range', 'aim', 'gateway', 'floor'];

/** Formats figures as a Markdown table. */
export function formatFigures(figures: readonly Figure[]): string {
  return formatTable(HEAD, figures.map(rowOf));
}

/** The present content of `RESULTS.md`: its figures as rows, and the dates of their measurements. */
export interface EarlierResults {
  readonly rows: readonly (readonly string[])[];
  readonly dates: readonly string[];
}

/** Reads `RESULTS.md`. */
export function readResults(text: string): EarlierResults {
  const [, , ...lines] = text.split('\n').filter((line) => line.startsWith('|'));
  const cellsOf = (line: string) => line.split('|').slice(1, -1);
  return {
    rows: lines.map((line) => cellsOf(line).map((cell) => cell.trim())),
    dates: [...text.matchAll(/^- Date: (.+)$/gm)].map(([, date = '']) => date),
  };
}

/** Replaces earlier rows by new ones for the same quantity, and appends the other new ones. */
function mergeRows(earlier: EarlierResults['rows'], figures: readonly Figure[]): (readonly string[])[] {
  const rows = [...earlier];
  for (const row of figures.map(rowOf)) {
    const at = rows.findIndex(([goal, what]) => goal === row[0] && what === row[1]);
    rows.splice(at === -1 ? rows.length : at, at === -1 ? 0 : 1, row);
  }
  return rows;
}

const NONE = '–';

function rowOf({ goal = NONE, what, unit, gateway, floor, target }: Figure): string[] {
  if (gateway.length === 0) return [goal, what, NONE, 'not measured', NONE, NONE, NONE];
  const inUnits = (value: number) => value.toFixed(unit === 'µs' ? 0 : 1);
  const sizes = [gateway, floor].map((values) => (values ? `${inUnits(spreadOf(values).median)} ${unit}` : NONE));
  // A share of the floor may be 0, which allows no ratio.
  if (floor === undefined || unit === '%') {
    const { min, max } = spreadOf(gateway);
    const aim = target === undefined ? NONE : `≤ ${target} ${unit}`;
    return [goal, what, NONE, `${inUnits(min)}–${inUnits(max)} ${unit}`, aim, ...sizes];
  }
  const { median, min, max } = spreadOf(ratiosOf(gateway, floor));
  const aim = target === undefined ? NONE : `≤ ${target.toFixed(2)}`;
  return [goal, what, median.toFixed(2), `${min.toFixed(2)}–${max.toFixed(2)}`, aim, ...sizes];
}

/** Formats `RESULTS.md`. @param earlier its present content, if only some figures were measured. */
export function formatResults(
  figures: readonly Figure[],
  { command, date, load, rounds, seconds }: Circumstances,
  earlier: EarlierResults = { rows: [], dates: [] },
): string {
  const [cpu] = cpus();
  const dates = [...earlier.dates, `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC, \`${command}\`.`];
  return `# Results

Written by \`npm run bench\`; run it again rather than edit this.

${formatTable(HEAD, mergeRows(earlier.rows, figures))}

**How to read it.** The ratio is the server's CPU time per request or token (where it says so: the lag) divided by that of the floor in the
same round, the median of ${rounds} rounds with the lowest and the highest beside it; 1.00 costs what the floor costs, less is
better. It carries about ±20 % from machine to machine; the microseconds hold for this machine and this hour only.

- Floor of queries: bare node:http and graphql-js, parse and validate cached, synchronous resolvers over prepared statements that
  read the same rows of the same database file, only the columns its schema shows; without key, limits, metrics or log
  (\`bench/floor.ts\`). Both answered with the same content, and no request was refused.
- Gateway: the program itself with API key, rate limit, depth and cost limits, metrics, and the request log at level info
  to a file. Both ran with NODE_ENV=production.
- Floor of tokens: bare node:http that writes each as a server-sent event, for G6 graphql-ws over bare graphql-js
  (\`bench/token-floor.ts\`). On both sides a stand-in for the model (\`bench/conductor.ts\`) gives 100 streams, each over
  a connection of its own, tokens of 16 characters. The CPU time covers what an answer costs at its end (its row, its
  metrics) as well.
- G4: first 400 tokens a second in each stream, nearly all that the floor can deliver: the gateway's flush puts several
  into one event when it has no time for each. Then the next token when the last is on its way, so that each is an
  event: what an event costs that cannot be put together with others.
- G5: 1,000 streams, in the gateway ten on a connection, each token when the clock says so; late are those that had not
  arrived when the last one was due.
- G9: the floor is the gateway itself, where no two subscribers ask in the same words, so that each has an execution of
  its own: by graphql-js (\`GRAPHQL_JIT=false\`), as servers do by themselves, and compiled.
- Tokens of a provider: the whole gateway reads OpenAI's chat protocol from a stand-in on the other core
  (\`bench/model-vendor.ts\`), 200 tokens a second in each stream, through the provider's own package, the search for
  citations and the store to graphql-ws; the floor reads the same streams line by line (\`bench/model-floor.ts\`), parses
  them and keeps the text. One answer with 100 subscribers is told by the provider's token, its 100 deliveries included.
- Webhooks: 1,000 events are sent again by replayWebhooks to a receiver on the other core; the cost holds the enqueueing,
  the signing, a connection for each, and the log. The floor keeps its connections and nothing else. A send is told to an
  endpoint that hangs, so that what is measured is enqueued and hardly sent.
- Other rows without a goal: the gateway on Postgres and Redis, and as its floor the same gateway on SQLite and memory, in the
  same rounds; both with the stand-in for the model. Their processor time is the gateway's alone. "Themselves" is that
  of the Postgres processes that serve its connections and of all of Redis, where they run on this machine; what
  Postgres does besides (log writer, checkpoints, vacuum) is counted nowhere. Both are set up as they were found, and
  are not pinned: they take turns with gateway and load on the same cores, which the lag and the late ones feel.
- 1,000 streams there: as for G5, but for 3 s. Of shares the floor is shown, and no ratio told.
- Another node: a second gateway on the same Postgres and Redis, on the same core as the first, the load on the other
  core. It runs in both halves, only who reads changes over; a gateway with a core to itself would have less lag.
- Heap: 1,000 subscriptions, 20 on a socket, each on an answer of its own that waits; what they add to the heap after a
  collection, the sockets not counted.
- Load of queries: ${load}, 16 connections, ${seconds} s for each server in each round, after at least 2,500 requests to warm up.
- CPU time: ${hasSchedstat ? '/proc/PID/task/*/schedstat, all threads' : 'process.cpuUsage() of the servers, since /proc tells nothing here'}; ${
    canPin
      ? `servers on core ${CORES.server}, load on core ${CORES.load}`
      : 'not pinned to cores, since taskset or a second core is missing'
  }.
- Machine: ${cpus().length} × ${cpu?.model ?? 'unknown processor'}, Node ${process.version}, ${process.platform} ${process.arch}.
${dates.map((text) => `- Date: ${text}`).join('\n')}
`;
}
