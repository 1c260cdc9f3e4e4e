// Owns: `ocibuild tree`: the files of an image, all its layers together or one by itself.

import { chooseImage, rootfsOf } from '../../oci/diff/choose.ts';
import { type Inode, listTree } from '../../oci/diff/rootfs.ts';
import type { Subject } from '../../oci/diff/subject.ts';
import type { TarSource } from '../../oci/diff/tar-diff.ts';
import type { Entry } from '../../oci/layer/entry.ts';
import { readTarSync } from '../../oci/layer/reader.ts';
import { parsePlatform } from '../../oci/platform.ts';
import { type RawPath, rawToBuffer } from '../../oci/raw-path.ts';
import { shownBytes, shownJson } from '../../oci/shown-text.ts';
import { turn } from '../../oci/turn.ts';
import { BuildError } from '../errors.ts';
import type { Command, CommandContext } from './command.ts';
import { SUBJECT_HELP, subjectOf } from './subjects.ts';
import { writeOut } from './write-out.ts';

export const command: Command = {
  name: 'tree',
  summary: 'list the files of an image',
  usage: `IMAGE\n${SUBJECT_HELP}\nWhat layers delete is gone; --layer N lists one as it is, with what it deletes.`,
  flags: {
    layer: { summary: 'one layer alone, counted from 1 at the bottom', value: 'N', count: true },
    platform: { summary: 'the image for OS/ARCH, where there are several', value: 'PLATFORM' },
    json: { summary: 'a list of {"path","type","mode","uid","gid","size","mtime","target","device","layer"}' },
  },
  operands: { min: 1, max: 1 },
  needsNamespace: false,
  run: async (context) => {
    const { args, stdout, signal } = context;
    const subject = subjectOf(args.operands[0]!, context);
    const platform = platformFlag(context);
    const number = args.count('layer');
    const isJson = args.is('json');
    let isFirst = true;
    const print = async (line: Line): Promise<void> => {
      const comma = isFirst ? '[\n' : ',\n';
      isFirst = false;
      await writeOut(stdout, isJson ? comma + shownJson(jsonOf(line)) : lineText(line));
    };
    if (number !== undefined) {
      const layer = layerOf(subject, number, platform);
      for (const { entry } of readTarSync(layer.open())) {
        if (signal.aborted) throw signal.reason;
        await print({ ...entry, uid: entry.owner.uid, gid: entry.owner.gid, layer: number - 1 });
      }
    } else {
      const root = await drive(rootfsOf(subject, platform === undefined ? {} : { platform }), signal);
      for (const { path, node } of listTree(root)) await print({ ...node.inode, path });
    }
    if (isJson) await writeOut(stdout, isFirst ? '[]\n' : '\n]\n');
    return 0;
  },
};

/** Runs long work, with a turn for signals now and then. */
export async function drive<T>(steps: Generator<undefined, T, void>, signal: AbortSignal): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await turn();
    if (signal.aborted) throw signal.reason;
  }
}

export function platformFlag({ args }: CommandContext): ReturnType<typeof parsePlatform> | undefined {
  const text = args.text('platform');
  return text === undefined ? undefined : parsePlatform(text);
}

/** One layer of a subject. Throws BuildError USAGE where there is none of that number. */
export function layerOf(
  subject: Subject,
  number: number,
  platform: ReturnType<typeof parsePlatform> | undefined,
): TarSource {
  const layers: readonly TarSource[] =
    subject.kind === 'images' ? chooseImage(subject, platform).layers : subject.kind === 'tar' ? [subject] : [];
  const layer = layers[number - 1];
  if (layer !== undefined) return layer;
  throw new BuildError('USAGE', `${subject.name} has no layer ${number}`, {
    want: layers.length === 0 ? 'an image, or a layer' : `1 to ${layers.length}`,
  });
}

type Line = Pick<Entry, 'path' | 'type' | 'mode' | 'size' | 'target' | 'device'> &
  Pick<Inode, 'uid' | 'gid' | 'mtime' | 'layer'>;

function jsonOf({ path, type, mode, uid, gid, size, mtime, target, device, layer }: Line): unknown {
  const shown = target === undefined ? undefined : shownRaw(target);
  return {
    path: shownRaw(path),
    type,
    mode: mode.toString(8).padStart(4, '0'),
    uid,
    gid,
    size,
    mtime,
    target: shown,
    device,
    // From 1, as everywhere a person sees it.
    layer: layer === undefined ? undefined : layer + 1,
  };
}

function shownRaw(path: RawPath): string {
  return shownBytes(rawToBuffer(path));
}

const LETTERS: Readonly<Record<Entry['type'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  hardlink: 'h',
  fifo: 'p',
  char: 'c',
  block: 'b',
  whiteout: '!',
  opaque: '!',
};

/** `-rwxr-xr-x 0:0       123 usr/bin/a`, as ls has it; `!` before what a layer deletes. */
function lineText(line: Line): string {
  const { path, type, mode, uid, gid, size, target, device } = line;
  const what = device === undefined ? String(size) : `${device.major},${device.minor}`;
  const name = path === '' ? '/' : shownRaw(path);
  const end = type === 'directory' ? '/' : type === 'opaque' ? '/ (all of it)' : '';
  const arrow = target === undefined ? '' : ` ${type === 'hardlink' ? '=' : '->'} ${shownRaw(target)}`;
  return `${LETTERS[type]}${modeText(mode)} ${`${uid}:${gid}`.padEnd(9)} ${what.padStart(10)} ${name}${end}${arrow}\n`;
}

function modeText(mode: number): string {
  const letters = [...'rwxrwxrwx'].map((letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-'));
  for (const [bit, at, set, alone] of [
    [0o4000, 2, 's', 'S'],
    [0o2000, 5, 's', 'S'],
    [0o1000, 8, 't', 'T'],
  ] as const) {
    if (mode & bit) letters[at] = letters[at] === 'x' ? set : alone;
  }
  return letters.join('');
}
