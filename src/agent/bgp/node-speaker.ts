import path from 'node:path';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../lib/logger.ts';
import { removeBgpRoutes } from '../dataplane/bgp-routes.ts';
import type { Netns } from '../dataplane/netns.ts';
import { BgpSpeaker } from './speaker.ts';

/** Each change of the counts of routes is a write to the API. */
const COUNT_EVERY_MS = 60_000;

export interface NodeSpeakerOptions {
  readonly runFolder: string;
  /** How BIRD is called. */
  readonly bird: readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The BGP of the node whose namespace this is. */
export function speakerOf(host: Netns, { runFolder, bird, clock, logger }: NodeSpeakerOptions): BgpSpeaker {
  return new BgpSpeaker({
    folder: path.join(runFolder, 'bird'),
    command: bird,
    removeRoutes: () => removeBgpRoutes(host),
    countEveryMs: COUNT_EVERY_MS,
    ...{ clock, logger },
  });
}
