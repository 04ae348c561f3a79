import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';

const SRC = path.resolve(import.meta.dirname, '../src');

/** Room → rooms it may import. Rooms that are not listed for each other meet in `cmd`. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  api: ['lib'],
  model: ['api', 'lib'],
  telemetry: ['lib'],
  kube: ['model', 'api', 'lib'],
  stream: ['model', 'api', 'lib'],
  xds: ['model', 'lib'],
  pki: ['model', 'lib'],
  webhook: ['model', 'api', 'lib'],
  discovery: ['model', 'api', 'lib'],
  controllers: ['kube', 'model', 'api', 'lib'],
  agent: ['model', 'api', 'lib'],
  cli: ['model', 'api', 'lib'],
  cmd: [
    ...['lib', 'api', 'model', 'telemetry', 'kube', 'stream', 'xds', 'pki', 'webhook', 'discovery', 'controllers'],
    ...['agent', 'cli'],
  ],
};

/** Third-party package → the rooms (or folders) that may import it. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  '@kubernetes/client-node': ['kube'],
  undici: ['kube'],
  'node-forge': ['pki'],
  koffi: ['agent/dataplane'],
  '@grpc/grpc-js': ['stream', 'xds'],
  '@bufbuild/protobuf': ['stream', 'xds', 'agent/envoy'],
  winston: ['telemetry'],
  'prom-client': ['telemetry'],
  commander: ['cli'],
  ajv: ['cli'],
  yaml: ['cli'],
};

/** Generated protobuf types are shared vocabulary, not a room's logic: the encoders of `agent/envoy` read them. */
const SHARED_GENERATED = 'xds/generated/wire/';

interface Import {
  readonly file: string;
  readonly target: string;
}

function imports(): Import[] {
  return readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('generated/wire'))
    .flatMap((file) => {
      const text = readFileSync(path.join(SRC, file), 'utf8');
      return [...text.matchAll(/^(?:import|export)\b[^;]*?from '([^']+)'|\bimport\('([^']+)'\)/gm)].map((match) => ({
        file,
        target: match[1] ?? match[2] ?? '',
      }));
    });
}

function roomOf(file: string): string {
  return file.split('/')[0] ?? '';
}

describe('the rooms of the code', () => {
  test('import only what their place in the design allows', () => {
    const wrong = imports().flatMap(({ file, target }) => {
      if (!target.startsWith('.')) return [];
      const place = path.relative(SRC, path.resolve(SRC, path.dirname(file), target));
      const [from, to] = [roomOf(file), roomOf(place)];
      const allowed = from === to || MAY_IMPORT[from]?.includes(to) === true || place.startsWith(SHARED_GENERATED);
      return allowed ? [] : [`${file} must not import ${place}`];
    });
    expect(wrong).toEqual([]);
  });

  test('keep each third-party package in its home', () => {
    const wrong = imports().flatMap(({ file, target }) => {
      if (target.startsWith('.') || target.startsWith('node:')) return [];
      const name = target
        .split('/')
        .slice(0, target.startsWith('@') ? 2 : 1)
        .join('/');
      const homes = HOMES[name] ?? [];
      return homes.some((home) => file.startsWith(`${home}/`)) ? [] : [`${file} must not import ${name}`];
    });
    expect(wrong).toEqual([]);
  });

  test('model is pure: no node: module, no clock, no randomness', () => {
    const files = readdirSync(path.join(SRC, 'model'), { recursive: true, encoding: 'utf8' }).filter((f) =>
      f.endsWith('.ts'),
    );
    const wrong = files.flatMap((file) => {
      const text = readFileSync(path.join(SRC, 'model', file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      const found = text.match(
        /from 'node:|lib\/clock|Date\.now|new Date|Math\.random|\bprocess\.|setTimeout|performance\./,
      );
      return found === null ? [] : [`model/${file}: ${found[0]}`];
    });
    expect(wrong).toEqual([]);
  });

  test('only cmd reads the environment, only lib/clock reads time, only agent/bgp/bird-process spawns', () => {
    const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !file.includes('generated/'),
    );
    const wrong = files.flatMap((file) => {
      const text = readFileSync(path.join(SRC, file), 'utf8');
      const rules: readonly (readonly [RegExp, boolean])[] = [
        [/process\.(env|argv)/, roomOf(file) === 'cmd'],
        [/Date\.now\(|performance\.now\(/, file === 'lib/clock.ts'],
        [/child_process/, file === 'agent/bgp/bird-process.ts'],
      ];
      return rules.flatMap(([pattern, allowed]) =>
        !allowed && pattern.test(text) ? [`${file}: ${pattern.source}`] : [],
      );
    });
    expect(wrong).toEqual([]);
  });

  test('files stay small: none of src over 400 lines', () => {
    const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && !file.includes('generated/'),
    );
    const large = files.filter((file) => readFileSync(path.join(SRC, file), 'utf8').split('\n').length > 400);
    expect(large).toEqual([]);
  });

  test('the table of packages names no package that is not a dependency', () => {
    const { dependencies } = JSON.parse(readFileSync(path.resolve(SRC, '../package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    expect(Object.keys(HOMES).sort()).toEqual(Object.keys(dependencies).sort());
  });
});
