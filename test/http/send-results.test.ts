import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { waitForDrain } from '../../src/http/send-results.ts';

/** Opens a connection whose client reads nothing until `read` is called. */
function openSlowConnection() {
  let finishWrite = () => {};
  const connection = new Writable({
    highWaterMark: 1,
    write(_chunk, _encoding, callback) {
      finishWrite = callback;
    },
  });
  connection.write('a result');
  return { connection, read: () => finishWrite() };
}

const countListeners = (connection: Writable) => connection.listenerCount('drain') + connection.listenerCount('close');

it('waits for a slow connection with the same listeners, however many operations wait', async () => {
  const { connection, read } = openSlowConnection();
  const before = countListeners(connection);
  const waits = Array.from({ length: 20 }, () => waitForDrain(connection));
  expect(countListeners(connection) - before).toBe(2);
  read();
  await Promise.all(waits);
  expect(countListeners(connection)).toBe(before);
});

it('waits again when the connection is full again, and ends the wait when it is closed', async () => {
  const { connection, read } = openSlowConnection();
  const first = waitForDrain(connection);
  read();
  await first;
  connection.write('another result');
  const second = waitForDrain(connection);
  connection.destroy();
  await second;
  expect(connection.listenerCount('drain')).toBe(0);
});
