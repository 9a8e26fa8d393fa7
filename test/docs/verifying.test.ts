import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createSecret } from '../../src/webhooks/secret.ts';
import { signDelivery } from '../../src/webhooks/sign.ts';
import { createDataDir } from '../helpers/process.ts';
import { captureLeads, startWebhookGateway, subscribeEndpoint } from '../helpers/webhooks/gateway.ts';
import { startReceiver } from '../helpers/webhooks/receivers.ts';

const PAGE = fileURLToPath(new URL('../../docs/webhooks.md', import.meta.url));
const run = promisify(execFile);

/** A signed delivery to verify. */
interface Case {
  readonly secret: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * How to run a language's code on a file of cases. For each case the program prints `[standard, insiteChat]`: whether
 * the code accepts the Standard Webhooks signature, and whether it accepts `X-InsiteChat-Signature`.
 */
interface Language {
  readonly name: string;
  readonly fence: string;
  /** The program, and its argument that prints its version, which checks whether the program is installed. */
  readonly program: string;
  readonly version: string;
  /** The file to which the page's code is written, unchanged. */
  readonly file: string;
  /** The files of the program that calls the page's code. */
  readonly caller: Readonly<Record<string, string>>;
  readonly args: readonly string[];
}

const LANGUAGES: readonly Language[] = [
  {
    name: 'Node',
    fence: 'js',
    program: 'node',
    version: '--version',
    file: 'verify.mjs',
    caller: {
      'main.mjs': `import { readFileSync } from 'node:fs';
import { verifyInsiteChat, verifyStandard } from './verify.mjs';
const results = JSON.parse(readFileSync('cases.json')).map(({ secret, headers, body }) =>
  [verifyStandard, verifyInsiteChat].map((verify) => verify(secret, headers, Buffer.from(body))));
console.log(JSON.stringify(results));`,
    },
    args: ['main.mjs'],
  },
  {
    name: 'Python',
    fence: 'python',
    program: 'python3',
    version: '--version',
    file: 'verify.py',
    caller: {
      'main.py': `import json
from verify import verify_insitechat, verify_standard
cases = [(c["secret"], c["headers"], c["body"].encode()) for c in json.load(open("cases.json", "rb"))]
print(json.dumps([[verify(*case) for verify in (verify_standard, verify_insitechat)] for case in cases]))`,
    },
    args: ['main.py'],
  },
  {
    name: 'Go',
    fence: 'go',
    program: 'go',
    version: 'version',
    file: 'webhooks/verify.go',
    caller: {
      'go.mod': 'module receiver\n\ngo 1.19\n',
      'main.go': `package main
import ("encoding/json"; "net/http"; "os"; "receiver/webhooks")
func main() {
	var cases []struct { Secret, Body string; Headers map[string]string }
	text, _ := os.ReadFile("cases.json")
	if err := json.Unmarshal(text, &cases); err != nil { panic(err) }
	results := [][]bool{}
	for _, c := range cases {
		headers, body := http.Header{}, []byte(c.Body)
		for name, value := range c.Headers { headers.Set(name, value) }
		results = append(results, []bool{webhooks.VerifyStandard(c.Secret, headers, body), webhooks.VerifyInsiteChat(c.Secret, headers, body)})
	}
	json.NewEncoder(os.Stdout).Encode(results)
}`,
    },
    args: ['run', '.'],
  },
  {
    name: 'Ruby',
    fence: 'ruby',
    program: 'ruby',
    version: '--version',
    file: 'verify.rb',
    caller: {
      'main.rb': `require "json"
require_relative "verify"
puts JSON.generate(JSON.parse(File.read("cases.json", encoding: "UTF-8")).map { |c|
  args = [c["secret"], c["headers"], c["body"].b]
  [verify_standard(*args), verify_insitechat(*args)]
})`,
    },
    args: ['main.rb'],
  },
  {
    name: 'PHP',
    fence: 'php',
    program: 'php',
    version: '--version',
    file: 'verify.php',
    caller: {
      'main.php': `<?php
require 'verify.php';
echo json_encode(array_map(
    fn ($case) => [verify_standard($case['secret'], $case['headers'], $case['body']), verify_insitechat($case['secret'], $case['headers'], $case['body'])],
    json_decode(file_get_contents('cases.json'), true)
));`,
    },
    args: ['main.php'],
  },
];

const isInstalled = async ({ program, version }: Language) =>
  run(program, [version]).then(
    () => true,
    () => false,
  );
const installed = new Map(
  await Promise.all(LANGUAGES.map(async (language) => [language.name, await isInstalled(language)] as const)),
);

/** Runs the page's code on cases. */
async function verify({ fence, program, file, caller, args }: Language, cases: readonly Case[]): Promise<boolean[][]> {
  const page = await readFile(PAGE, 'utf8');
  const code = new RegExp(`\`\`\`${fence}\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? '';
  const cwd = await createDataDir();
  for (const [name, text] of Object.entries({ ...caller, [file]: code, 'cases.json': JSON.stringify(cases) })) {
    await mkdir(dirname(join(cwd, name)), { recursive: true });
    await writeFile(join(cwd, name), text);
  }
  const { stdout } = await run(program, args, { cwd });
  return JSON.parse(stdout);
}

/** Delivers an event to an endpoint, and returns the request that the endpoint received. */
async function receive(): Promise<Case> {
  const gateway = await startWebhookGateway();
  const receiver = await startReceiver();
  const secret = createSecret();
  await subscribeEndpoint(gateway, receiver.url, { secret });
  await captureLeads(gateway);
  await expect.poll(() => receiver.received.length).toBe(1);
  const [{ headers, body } = { headers: {}, body: '' }] = receiver.received;
  return { secret, headers: headers as Record<string, string>, body };
}

/** Signs the same delivery at another time or with more secrets. */
function signAgain(real: Case, { ageSeconds = 0, secrets = [real.secret] }): Case {
  const timestamp = Math.floor(Date.now() / 1_000) - ageSeconds;
  const signed = signDelivery({ id: real.headers['webhook-id'] ?? '', timestamp, body: real.body, secrets });
  const lowercase = Object.entries(signed).map(([name, value]) => [name.toLowerCase(), value]);
  return { ...real, headers: { ...real.headers, ...Object.fromEntries(lowercase) } };
}

describe.each(LANGUAGES)('docs/webhooks.md: the code for $name', (language) => {
  it.skipIf(!installed.get(language.name))(
    'accepts what the gateway has signed, and nothing else',
    { timeout: 120_000 },
    async () => {
      const real = await receive();
      const { 'webhook-timestamp': timestamp = '', 'webhook-signature': signature = '' } = real.headers;
      const withHeaders = (headers: Record<string, string>) => ({ ...real, headers: { ...real.headers, ...headers } });
      const cases: [
        description: string,
        delivery: Case,
        isAccepted: readonly [standard: boolean, insiteChat: boolean],
      ][] = [
        ['unchanged', real, [true, true]],
        ['another body', { ...real, body: real.body.replace('Åse', 'Ase') }, [false, false]],
        ['a longer body', { ...real, body: `${real.body} ` }, [false, false]],
        ['another secret', { ...real, secret: createSecret() }, [false, false]],
        ['no signature', { ...real, headers: {} }, [false, false]],
        ['empty signatures', withHeaders({ 'webhook-signature': '', 'x-insitechat-signature': '' }), [false, false]],
        [
          'half a signature',
          withHeaders({ 'webhook-signature': 'v1,', 'x-insitechat-signature': '00' }),
          [false, false],
        ],
        ['another version', withHeaders({ 'webhook-signature': signature.replace('v1', 'v2') }), [false, true]],
        ['another id', withHeaders({ 'webhook-id': 'other' }), [false, true]],
        ['another time', withHeaders({ 'webhook-timestamp': `${Number(timestamp) + 1}` }), [false, true]],
        ['no time', withHeaders({ 'webhook-timestamp': 'now' }), [false, true]],
        ['signed a while ago', signAgain(real, { ageSeconds: 240 }), [true, true]],
        ['signed too long ago', signAgain(real, { ageSeconds: 310 }), [false, true]],
        ['signed in the future', signAgain(real, { ageSeconds: -420 }), [false, true]],
        ['signed with two secrets', signAgain(real, { secrets: [createSecret(), real.secret] }), [true, false]],
      ];
      const results = await verify(
        language,
        cases.map(([, delivery]) => delivery),
      );
      expect(cases.map(([description], index) => [description, results[index]])).toEqual(
        cases.map(([description, , isAccepted]) => [description, isAccepted]),
      );
    },
  );
});
