import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import path from 'node:path';
import { BIN, CACHE, ROOT } from '../setup/paths.ts';
import { step } from '../setup/progress.ts';
import { run } from '../setup/shell.ts';
import { type ImageConfig, sharedLibraries, writeImage } from './archive.ts';

const PREFIX = 'weft.dev/lab';
export const PAUSE_IMAGE = `${PREFIX}/pause:1`;
export const BUSYBOX_IMAGE = `${PREFIX}/busybox:1`;
export const ECHO_IMAGE = `${PREFIX}/echo:1`;
export const ENVOY_IMAGE = `${PREFIX}/envoy:1`;
export const WEFT_IMAGE = `${PREFIX}/weft:1`;
export const COREDNS_IMAGE = `${PREFIX}/coredns:1`;

const IMAGES = path.join(CACHE, 'images');
const LIBNFTABLES = '/usr/lib/x86_64-linux-gnu/libnftables.so.1';
const JEMALLOC = '/usr/lib/x86_64-linux-gnu/libjemalloc.so.2';
/** Of the product's image, as in the Dockerfile. */
export const WEFT_ENVIRONMENT = {
  LD_PRELOAD: JEMALLOC,
  MALLOC_CONF: 'background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:1000',
} as const;

/** Makes the archives of all images whose content changed; returns the files to import. */
export async function buildImages(): Promise<string[]> {
  mkdirSync(IMAGES, { recursive: true });
  const files: string[] = [];
  for (const image of await images()) {
    const file = path.join(IMAGES, `${path.basename(image.name).replace(':', '-')}-${contentHash(image)}.tar`);
    if (!existsSync(file)) await step(`image ${image.name}`, () => writeImage(image, file));
    files.push(file);
  }
  return files;
}

async function images(): Promise<ImageConfig[]> {
  const pause = await buildPause();
  const envoy = path.join(BIN, 'envoy');
  const bird = path.join(BIN, 'bird');
  const node = realpathSync(path.join(ROOT, 'node_modules/.bin/node'));
  const busybox = existsSync('/bin/busybox') ? '/bin/busybox' : '/usr/bin/busybox';
  const applets = (await run(busybox, ['--list'])).stdout
    .split('\n')
    .filter((name) => name !== '' && name !== 'busybox');
  const shell = {
    files: { '/bin/busybox': busybox },
    links: Object.fromEntries(applets.map((name) => [`/bin/${name}`, 'busybox'])),
    folders: ['/tmp', '/etc', '/proc', '/sys', '/dev'],
  };
  const application = { files: { '/bin/echo-app': path.join(BIN, 'echo') } };
  return [
    { name: PAUSE_IMAGE, layers: [{ files: { '/pause': pause } }], entrypoint: ['/pause'] },
    { name: BUSYBOX_IMAGE, layers: [shell, application], entrypoint: ['/bin/sh'] },
    {
      name: ECHO_IMAGE,
      layers: [shell, application],
      entrypoint: ['/bin/echo-app', 'serve'],
    },
    { name: COREDNS_IMAGE, layers: [{ files: { '/coredns': path.join(BIN, 'coredns') } }], entrypoint: ['/coredns'] },
    {
      name: ENVOY_IMAGE,
      layers: [{ files: { '/usr/bin/envoy': envoy, ...(await sharedLibraries([envoy])) }, folders: ['/tmp', '/etc'] }],
      entrypoint: ['/usr/bin/envoy'],
    },
    {
      name: WEFT_IMAGE,
      layers: [
        {
          ...shell,
          links: { ...shell.links, '/var/run': '/run' },
          files: {
            ...shell.files,
            '/usr/bin/node': node,
            '/usr/sbin/bird': bird,
            [LIBNFTABLES.replace('/usr/lib', '/lib')]: LIBNFTABLES,
            [JEMALLOC]: JEMALLOC,
            ...(await sharedLibraries([node, bird, LIBNFTABLES, JEMALLOC])),
            '/app/node_modules/koffi': path.join(ROOT, 'node_modules/koffi'),
            '/app/node_modules/@koromix': path.join(ROOT, 'node_modules/@koromix'),
          },
        },
        { files: { '/app/dist': path.join(ROOT, 'dist') } },
      ],
      entrypoint: ['/usr/bin/node'],
      env: ['PATH=/usr/bin:/bin', ...Object.entries(WEFT_ENVIRONMENT).map(([name, value]) => `${name}=${value}`)],
    },
  ];
}

async function buildPause(): Promise<string> {
  const output = path.join(BIN, 'pause');
  await run('gcc', ['-O2', '-static', '-s', '-o', output, path.join(ROOT, 'lab/images/pause.c')]);
  return output;
}

/** Over names, sizes and bytes of all that goes in: an unchanged image is not written again. */
function contentHash(image: ImageConfig): string {
  const hash = createHash('sha256').update(JSON.stringify(image));
  const add = (file: string) => {
    const stat = statSync(file);
    if (stat.isDirectory()) for (const name of readdirSync(file).sort()) add(path.join(file, name));
    else hash.update(`${file}:${stat.size}:`).update(stat.size < 8_000_000 ? readFileSync(file) : String(stat.mtimeMs));
  };
  for (const layer of image.layers) for (const source of Object.values(layer.files ?? {})) add(realpathSync(source));
  return hash.digest('hex').slice(0, 16);
}
