import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readFileSync } from 'node:fs';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { parse } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { readConfig } from '../../src/config.ts';
import { SETTINGS } from '../../src/settings.ts';
import { findFreePort } from '../helpers/network.ts';
import { createDataDir } from '../helpers/process.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

/** The longest time that the gateway takes to stop; see `src/main.ts`. */
const HARD_STOP_SECONDS = 20;

/** The instructions of the Dockerfile, with continued lines joined. */
const instructions = read('Dockerfile')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n/g, '')
  .trim()
  .split('\n')
  .map((line) => {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    return { name, rest };
  })
  .filter(({ name }) => name !== '');
const lastArguments = (instruction: string) => instructions.findLast(({ name }) => name === instruction)?.rest ?? '';
const imageEnv = Object.fromEntries(
  lastArguments('ENV')
    .split(' ')
    .map((pair) => pair.split('=') as [string, string]),
);
/** The files that the Dockerfile copies from the project. */
const copied = instructions
  .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from'))
  .flatMap(({ rest }) => rest.split(' ').slice(0, -1));
const healthCheck = JSON.parse(/CMD (\[.*\])/.exec(lastArguments('HEALTHCHECK'))?.[1] ?? '[]') as string[];

describe('the Dockerfile', () => {
  it('uses a Node that the project runs on, with the C library that better-sqlite3 has a binary for', () => {
    const images = instructions.filter(({ name }) => name === 'FROM').map(({ rest }) => rest.split(' ')[0]);
    expect(new Set(images).size).toBe(1);
    const [, major, variant] = /^node:(\d+)-(.+)$/.exec(images[0] ?? '') ?? [];
    expect(`>=${major}`).toBe(packageJson.engines.node);
    expect(variant).toMatch(/-slim$/);
    for (const cpu of ['x64', 'arm64']) {
      expect(existsSync(join(ROOT, `node_modules/better-sqlite3/prebuilds/linux-${cpu}.node`))).toBe(true);
    }
  });

  it('copies only files that exist and that .dockerignore does not exclude', () => {
    const included = read('.dockerignore').match(/^!.+$/gm) ?? [];
    expect(read('.dockerignore')).toMatch(/^\*$/m);
    for (const path of copied) {
      expect(existsSync(join(ROOT, path)), path).toBe(true);
      expect(included).toContain(`!${path}`);
    }
    expect(included.map((line) => line.slice(1)).sort()).toEqual([...new Set(copied)].sort());
  });

  it('installs every package that the program imports', () => {
    const files = globSync(['src/**/*.ts', 'schema/*.ts'], {
      cwd: ROOT,
      exclude: ['src/web/{chat,explorer,reference}/**'],
    });
    const imported = files.flatMap((file) =>
      [...read(file).matchAll(/^(?:import|export) (?!type)[^;]*? from '([^'.][^']*)'|import\('([^'.][^']*)'\)/gm)].map(
        ([, named, lazy]) => named ?? lazy ?? '',
      ),
    );
    const names = imported
      .filter((name) => !name.startsWith('node:'))
      .map((name) => /^(@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? '');
    expect(new Set(names).size).toBeGreaterThan(10);
    expect([...new Set(names)].filter((name) => !(name in packageJson.dependencies))).toEqual([]);
  });

  it('runs as an unprivileged user, keeps its data in a volume, and receives the stop signal itself', () => {
    expect(lastArguments('USER')).toBe('node');
    expect(lastArguments('VOLUME')).toBe(imageEnv.DATA_DIR);
    expect(lastArguments('EXPOSE')).toBe(imageEnv.PORT);
    expect(JSON.parse(lastArguments('ENTRYPOINT'))).toEqual(['node', packageJson.bin.chatgraph]);
    expect(JSON.parse(lastArguments('CMD'))).toEqual(['start']);
    expect(readConfig(imageEnv)).toMatchObject({ host: '0.0.0.0', isProduction: true });
  });

  it('starts from the copied files, is healthy while it runs, and exits with code 0 on SIGTERM', async () => {
    const app = await createDataDir();
    for (const path of copied) {
      await mkdir(dirname(join(app, path)), { recursive: true });
      await cp(join(ROOT, path), join(app, path), { recursive: true });
    }
    await symlink(join(ROOT, 'node_modules'), join(app, 'node_modules'));
    const env = { ...imageEnv, PORT: `${await findFreePort()}`, DATA_DIR: await createDataDir() };
    const run = ([command = '', ...args]: string[]) => {
      expect(command).toBe('node');
      const child = spawn(process.execPath, args, { cwd: app, env, stdio: 'ignore' });
      onTestFinished(() => void child.kill('SIGKILL'));
      return { child, code: once(child, 'exit').then(([code]) => code) };
    };
    expect(await run(healthCheck).code).toBe(1);
    const gateway = run([...JSON.parse(lastArguments('ENTRYPOINT')), ...JSON.parse(lastArguments('CMD'))]);
    await vi.waitFor(async () => expect(await run(healthCheck).code).toBe(0), { timeout: 50_000 });
    gateway.child.kill('SIGTERM');
    expect(await gateway.code).toBe(0);
  }, 60_000);
});

/** The parts of a compose file that the tests check. */
interface Compose {
  readonly services: Record<string, Service>;
  readonly volumes: Record<string, unknown>;
  readonly networks?: { readonly default: { readonly ipam: { readonly config: readonly { subnet: string }[] } } };
}
interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly environment?: Record<string, string>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Record<string, { condition: string }>;
  readonly healthcheck?: object;
  readonly restart?: string;
  readonly stop_grace_period?: string;
}

/** Replaces variables as Compose does: by their default, or by an example of the value that the operator must set. */
const substitute = (text: string) =>
  text.replaceAll(/\$\{\w+:([-?])([^}]*)\}/g, (_, kind, value) => (kind === '-' ? value : 'a1'.repeat(32)));

describe.each(['compose.yaml', 'compose.scale.yaml'])('%s', (file) => {
  const { services, volumes, networks } = parse(read(file), { merge: true }) as Compose;
  const gateways = Object.entries(services).filter(([, { image }]) => image === 'chatgraph');

  it('gives the gateways existing, valid settings, and enough time to stop', () => {
    expect(gateways.length).toBeGreaterThan(0);
    for (const [, { build, environment = {}, restart, stop_grace_period = '' }] of gateways) {
      expect([build, restart]).toEqual(['.', 'unless-stopped']);
      expect(Object.keys(environment).filter((name) => !(name in SETTINGS.shape))).toEqual([]);
      const settings = Object.entries(environment).map(([name, value]) => [name, substitute(value)]);
      expect(readConfig({ ...imageEnv, ...Object.fromEntries(settings) }).port).toBe(Number(imageEnv.PORT));
      expect(Number(/^(\d+)s$/.exec(stop_grace_period)?.[1])).toBeGreaterThan(HARD_STOP_SECONDS);
    }
    expect(read('src/main.ts')).toContain(`HARD_STOP_MS = ${HARD_STOP_SECONDS}_000`);
  });

  it('refers only to services, volumes, files and ports that exist', () => {
    for (const [name, service] of Object.entries(services)) {
      for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
        const { healthcheck, build } = services[other] ?? {};
        expect(services[other], `${name} → ${other}`).toBeDefined();
        if (condition === 'service_healthy') expect(healthcheck ?? build, other).toBeDefined();
      }
      for (const volume of service.volumes ?? []) {
        const [source = '', mountedAt] = volume.split(':');
        if (source.startsWith('.')) expect(existsSync(join(ROOT, source)), source).toBe(true);
        else expect(Object.keys(volumes)).toContain(source);
        if (service.build) expect(mountedAt).toBe(imageEnv.DATA_DIR);
      }
      if (service.build) for (const port of service.ports ?? []) expect(port).toMatch(new RegExp(`:${imageEnv.PORT}$`));
      expect(service.restart).toBe('unless-stopped');
    }
  });

  it("lets no container gain privileges, write outside its volumes, or fill its host's memory or disk", () => {
    for (const [name, service] of Object.entries(services)) {
      expect(service, name).toMatchObject({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        mem_limit: expect.stringMatching(/\d+[mg]\}?$/),
        logging: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '5' } },
      });
      if (service.image === 'chatgraph') expect(service).not.toHaveProperty('cap_add');
    }
  });

  it('contains no secret', () => {
    const secrets = [...read(file).matchAll(/^ *(\w*(?:PASSWORD|TOKEN|KEY)\w*): (.*)$/gm)];
    for (const [, name, value] of secrets) expect(value, name).toMatch(new RegExp(`^\\$\\{${name}:\\?.+\\}$`));
    expect(read(file)).not.toMatch(/:\/\/\w*:(?!\$\{)[^@\s]+@/);
  });

  if (networks)
    it('trusts proxies on its own network only', () => {
      const [{ subnet } = { subnet: '' }] = networks?.default.ipam.config ?? [];
      for (const [, { environment, ports }] of gateways) {
        expect(environment?.TRUSTED_PROXIES).toBe(subnet);
        expect(ports).toBeUndefined();
      }
    });
});

describe('the load balancer', () => {
  it('forwards to every gateway of compose.scale.yaml, and checks their readiness', () => {
    const { services } = parse(read('compose.scale.yaml'), { merge: true }) as Compose;
    const gateways = Object.keys(services).filter((name) => services[name]?.image === 'chatgraph');
    const [, upstreams] = /reverse_proxy (.*) \{/.exec(read('Caddyfile')) ?? [];
    expect(upstreams?.split(' ')).toEqual(gateways.map((name) => `${name}:${imageEnv.PORT}`));
    expect(read('Caddyfile')).toContain('health_uri /ready\n');
    expect(services.balancer?.volumes?.[0]).toMatch(/^\.\/Caddyfile:\/etc\/caddy\/Caddyfile/);
    for (const [, name = ''] of read('Caddyfile').matchAll(/\{\$(\w+)/g)) {
      expect(services.balancer?.environment).toHaveProperty(name);
    }
  });

  it('forwards WebSockets and the original host name if it is nginx', () => {
    const [nginx = ''] = /```nginx\n[\s\S]*?```/.exec(read('docs/scaling.md')) ?? [];
    for (const line of [
      'proxy_http_version 1.1;',
      'proxy_set_header Upgrade $http_upgrade;',
      'proxy_set_header Connection $connection_upgrade;',
      'proxy_set_header Host $http_host;',
      'proxy_buffering off;',
    ]) {
      expect(nginx).toContain(line);
    }
    const { services } = parse(read('compose.scale.yaml'), { merge: true }) as Compose;
    for (const [, name = ''] of nginx.matchAll(/server ([\w-]+):4000/g)) expect(services).toHaveProperty(name);
  });
});
