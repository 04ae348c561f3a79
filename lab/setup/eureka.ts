import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { installPackages } from './packages.ts';
import { CACHE, ROOT } from './paths.ts';
import { step } from './progress.ts';
import { run } from './shell.ts';

const SOURCE = path.join(ROOT, 'lab/eureka/EurekaServer.java');
/**
 * All that the server needs, with spring-boot-starter-security: what `mvn dependency:copy-dependencies
 * -Dmdep.useRepositoryLayout=true -DincludeScope=runtime` brings of spring-cloud-starter-netflix-eureka-server 5.0.2,
 * without its starter-loadbalancer, by the versions of spring-boot-dependencies 4.0.7. No Maven is needed to get it.
 */
const JARS = path.join(ROOT, 'lab/eureka/jars.sha256');
const CENTRAL = 'https://repo.maven.apache.org/maven2';
const AT_ONCE = 8;
const TRIES = 3;

/** Where the jars and the compiled server are: the class path of `EurekaServer`. */
export const EUREKA = path.join(CACHE, `eureka-${hashOf(readFileSync(JARS), readFileSync(SOURCE)).slice(0, 16)}`);

/** Puts the real Eureka server, for tests, into `EUREKA`: its jars from Maven Central, each held against its hash. */
export async function installEureka(): Promise<void> {
  await installPackages({ '/usr/bin/javac': 'openjdk-17-jdk-headless' });
  if (existsSync(EUREKA)) return;
  await step(
    'Eureka server',
    async () => {
      const making = `${EUREKA}-${process.pid}`;
      mkdirSync(making, { recursive: true });
      const jars = readFileSync(JARS, 'utf8').trim().split('\n');
      const next = jars.values();
      const worker = async () => {
        for (const line of next) await download(line, making);
      };
      await Promise.all(Array.from({ length: AT_ONCE }, worker));
      await run('javac', ['-cp', path.join(making, '*'), '-d', making, SOURCE]);
      rmSync(EUREKA, { recursive: true, force: true });
      renameSync(making, EUREKA);
    },
    '60 MB',
  );
}

/** @param line as `sha256sum` writes it. */
async function download(line: string, folder: string): Promise<void> {
  const [expected = '', file = ''] = line.split(/\s+/);
  const body = await get(`${CENTRAL}/${file}`);
  if (hashOf(body) !== expected) throw new Error(`${file} from Maven Central is not what lab/eureka/jars.sha256 says`);
  writeFileSync(path.join(folder, path.basename(file)), body);
}

async function get(url: string): Promise<Buffer> {
  for (let tried = 1; ; tried += 1) {
    try {
      const answer = await fetch(url, { signal: AbortSignal.timeout(120_000) });
      if (!answer.ok) throw new Error(`${url} answers ${answer.status}`);
      return Buffer.from(await answer.arrayBuffer());
    } catch (cause) {
      if (tried === TRIES) throw new Error(`cannot download ${url}`, { cause });
    }
  }
}

function hashOf(...parts: readonly Buffer[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
