import type { Gateway } from './app.ts';
import { runCommand } from './cli.ts';
import { readConfig } from './config.ts';
import { DEMO_CHATBOT_ID, findDemoLink } from './demo.ts';
import { StartupError } from './domain/errors.ts';
import { toPlainLines } from './domain/plain-text.ts';

/**
 * The process ends after this time even if the gateway has not stopped. Longer than `DRAIN_MS` in `app.ts`, and shorter
 * than `stop_grace_period` of the compose files.
 */
const HARD_STOP_MS = 20_000;

/** Runs the gateway if `args` is empty or `start`, otherwise a command. Sets the exit code of the process. */
export async function main(args: readonly string[]): Promise<void> {
  // Only this user may read the files that the program writes.
  process.umask(0o077);
  try {
    if (args.length > 0 && args[0] !== 'start') process.exitCode = await runCommand(args);
    else await serve();
  } catch (error) {
    process.stderr.write(`${toPlainLines(error instanceof StartupError ? error.message : describeCrash(error))}\n`);
    process.exit(1);
  }
}

async function serve(): Promise<void> {
  // Imported only here, because commands do not need it and start faster without it.
  const { startGateway } = await import('./app.ts');
  const config = readConfig();
  const gateway = await startGateway(config).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new StartupError(`Port ${config.port} on ${config.host} is in use. Set PORT to another.`);
    }
    throw error;
  });
  const demoLink = await findDemoLink(gateway.deps);
  process.stdout.write(toPlainLines(composeStartMessage(gateway, demoLink, config.seedsDemo)));

  let isStopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(1);
    isStopping = true;
    gateway.deps.logger.info({ signal }, 'stopping');
    setTimeout(() => process.exit(1), HARD_STOP_MS).unref();
    gateway.close().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`${toPlainLines(describeCrash(error))}\n`);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** Composes the start message: the gateway's addresses, the first key and an example request. */
function composeStartMessage(
  { url, firstKey, graphiqlPath }: Gateway,
  demoLink: string | undefined,
  hasDemo: boolean,
): string {
  const key = firstKey ?? '$CHATGRAPH_KEY';
  const lines = [
    '',
    '  ChatGraph is ready.',
    '',
    ...(demoLink === undefined ? [] : [`  Chat page       ${localUrl(url)}${demoLink}`]),
    `  GraphiQL        ${url}${graphiqlPath}`,
    `  REST reference  ${url}/docs`,
    `  Health          ${url}/health`,
  ];
  if (firstKey !== undefined)
    lines.push('', `  API key         ${firstKey}`, '                  Store it now: it is not shown again.');
  if (hasDemo && firstKey !== undefined) {
    lines.push(
      '',
      '  Ask the demo chatbot, which has read the documentation:',
      '',
      `  curl ${url}/v1/chatbots/${DEMO_CHATBOT_ID}/chat \\`,
      `    -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' \\`,
      `    -d '{"message": "How do I follow an answer while it is written?"}'`,
    );
  }
  return `${lines.join('\n')}\n\n`;
}

/**
 * Returns the gateway's address on this machine. The demo chat page is open to this machine only, even when the gateway
 * listens on all addresses.
 */
function localUrl(url: string): string {
  return url.replace(/\/\/(0\.0\.0\.0|\[::\])/, '//127.0.0.1');
}

function describeCrash(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
