import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { expect, it, onTestFinished } from 'vitest';
import { createResolve } from '../../src/outbound/resolve.ts';

const A = 1;
const AAAA = 28;
const NAME_ERROR = 3;
const V4 = [93, 184, 216, 34];
const V6 = [0x26, 0x06, ...Array<number>(13).fill(0), 1];

/** Starts a name server that responds to each query type with addresses, with an error, or not at all. */
async function startNameServer(answers: Readonly<Record<number, readonly number[][] | number | undefined>>) {
  const socket = createSocket('udp4');
  const queryTypes: number[] = [];
  socket.on('message', (query, { port, address }) => {
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    const type = question.readUInt16BE(question.length - 4);
    queryTypes.push(type);
    const answer = answers[type];
    if (answer === undefined) return;
    const records = typeof answer === 'number' ? [] : answer;
    const code = typeof answer === 'number' ? answer : 0;
    const header = [...query.subarray(0, 2), 0x81, 0x80 + code, 0, 1, 0, records.length, 0, 0, 0, 0];
    const body = records.flatMap((bytes) => [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 1, 0, bytes.length, ...bytes]);
    socket.send(Buffer.from([...header, ...question, ...body]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return { resolve: createResolve([`127.0.0.1:${socket.address().port}`]), queryTypes, socket };
}

const neverAborted = () => new AbortController().signal;

it('finds all addresses of a name', async () => {
  const { resolve } = await startNameServer({ [A]: [V4, [127, 0, 0, 1]], [AAAA]: [V6] });
  expect(await resolve('models.example.com', neverAborted())).toEqual(['93.184.216.34', '127.0.0.1', '2606::1']);
});

it('finds the addresses of one family if there are none of the other', async () => {
  const { resolve } = await startNameServer({ [A]: [], [AAAA]: [V6] });
  expect(await resolve('models.example.com', neverAborted())).toEqual(['2606::1']);
});

it('fails for a name that has no address or does not exist', async () => {
  for (const answers of [
    { [A]: [], [AAAA]: [] },
    { [A]: NAME_ERROR, [AAAA]: NAME_ERROR },
  ]) {
    const { resolve } = await startNameServer(answers);
    await expect(resolve('models.example.com', neverAborted())).rejects.toThrow('The name has no address.');
  }
});

it('rejects immediately when the signal aborts, before or during the lookup', async () => {
  const { resolve, queryTypes, socket } = await startNameServer({});
  const reason = new Error('Enough.');
  await expect(resolve('models.example.com', AbortSignal.abort(reason))).rejects.toBe(reason);
  const caller = new AbortController();
  const answer = resolve('models.example.com', caller.signal);
  await once(socket, 'message');
  caller.abort(reason);
  await expect(answer).rejects.toBe(reason);
  expect(queryTypes.length).toBeGreaterThan(0);
});

it('finds the addresses of internal names without the name servers of public names', async () => {
  const { resolve, queryTypes } = await startNameServer({ [A]: [V4], [AAAA]: [V6] });
  for (const name of ['localhost', 'db.localhost']) {
    expect(await resolve(name, neverAborted())).toEqual(['127.0.0.1', '::1']);
  }
  await expect(resolve('nowhere.internal', neverAborted())).rejects.toThrow('nowhere.internal');
  const name = hostname().split('.', 1)[0] ?? '';
  const own = await lookup(name, { all: true }).catch(() => undefined);
  // Not every machine can resolve its own name.
  if (own !== undefined) {
    const addresses = own.map(({ address }) => address);
    expect(await resolve(name, neverAborted())).toEqual(addresses);
  }
  expect(queryTypes).toEqual([]);
});

it('stops waiting for the address of an internal name when the signal aborts', async () => {
  const caller = new AbortController();
  const answer = createResolve()('nowhere.internal', caller.signal);
  const reason = new Error('Enough.');
  caller.abort(reason);
  await expect(answer).rejects.toBe(reason);
});
