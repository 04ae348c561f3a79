import { createHash } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { run } from '../setup/shell.ts';

/** One layer of an image: where each file or folder comes from. */
export interface Layer {
  /** Path in the image → file or folder on this machine. */
  readonly files?: Readonly<Record<string, string>>;
  /** Path in the image → where the link points. */
  readonly links?: Readonly<Record<string, string>>;
  /** Folders that must exist. */
  readonly folders?: readonly string[];
  /** Path in the image → content. */
  readonly texts?: Readonly<Record<string, string>>;
}

export interface ImageConfig {
  readonly name: string;
  readonly layers: readonly Layer[];
  readonly entrypoint: readonly string[];
  readonly env?: readonly string[];
  readonly user?: string;
}

/**
 * Writes an image as a docker-archive (manifest.json, config, layer tars: what `ctr images import` reads) to `target`.
 * The same input gives the same digest: times and owners in the layers are fixed.
 */
export async function writeImage(image: ImageConfig, target: string): Promise<void> {
  const work = `${target}.work`;
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const layers: { file: string; digest: string }[] = [];
  for (const [index, layer] of image.layers.entries()) {
    const tree = path.join(work, `tree${index}`);
    fillTree(tree, layer);
    const file = `layer${index}.tar`;
    const fixed = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner'];
    await run('tar', [...fixed, '-C', tree, '-cf', path.join(work, file), '.']);
    rmSync(tree, { recursive: true });
    layers.push({ file, digest: sha256(readFileSync(path.join(work, file))) });
  }
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Entrypoint: image.entrypoint, Env: image.env ?? ['PATH=/usr/bin:/bin'], User: image.user ?? '' },
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => `sha256:${digest}`) },
  });
  const configFile = `${sha256(Buffer.from(config))}.json`;
  writeFileSync(path.join(work, configFile), config);
  const manifest = [{ Config: configFile, RepoTags: [image.name], Layers: layers.map(({ file }) => file) }];
  writeFileSync(path.join(work, 'manifest.json'), JSON.stringify(manifest));
  await run('tar', [
    '-C',
    work,
    '-cf',
    `${target}.part`,
    'manifest.json',
    configFile,
    ...layers.map(({ file }) => file),
  ]);
  renameSync(`${target}.part`, target);
  rmSync(work, { recursive: true });
}

function fillTree(tree: string, { files = {}, links = {}, folders = [], texts = {} }: Layer): void {
  mkdirSync(tree, { recursive: true });
  for (const folder of folders) mkdirSync(path.join(tree, folder), { recursive: true });
  for (const [inside, source] of Object.entries(files)) {
    const place = path.join(tree, inside);
    mkdirSync(path.dirname(place), { recursive: true });
    const real = realpathSync(source);
    if (statSync(real).isDirectory()) cpSync(real, place, { recursive: true, dereference: true });
    else {
      copyFileSync(real, place);
      chmodSync(place, statSync(real).mode & 0o111 ? 0o755 : 0o644);
    }
  }
  for (const [inside, to] of Object.entries(links)) {
    const place = path.join(tree, inside);
    mkdirSync(path.dirname(place), { recursive: true });
    symlinkSync(to, place);
  }
  for (const [inside, text] of Object.entries(texts)) {
    const place = path.join(tree, inside);
    mkdirSync(path.dirname(place), { recursive: true });
    writeFileSync(place, text);
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The shared libraries of `programs`, loader included, as `path in image → file`. Reads them from `ldd`. */
export async function sharedLibraries(programs: readonly string[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const program of programs) {
    const { stdout } = await run('ldd', [program]);
    for (const match of stdout.matchAll(/(?:=>\s*)?(\/\S+)\s+\(0x/g)) {
      const file = match[1];
      if (file !== undefined && existsSync(file)) found[file.replace(/^\/usr\/lib/, '/lib')] = file;
    }
  }
  return found;
}
