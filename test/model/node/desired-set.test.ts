import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { SetContent } from '../../../src/model/node/desired-set.ts';

const members = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'));
const change = fc.record({ add: members, remove: members }).map(({ add, remove }) => {
  return { add, remove: remove.filter((member) => !add.includes(member)) };
});

describe('a set', () => {
  test('is brought from any version it remembers to the newest, and adds and removes exactly what differs', () => {
    fc.assert(
      fc.property(members, fc.array(change, { maxLength: 8 }), (first, changes) => {
        const set = new SetContent({ type: 'ip', members: first });
        const seen = [{ version: set.version, members: set.body.members }];
        for (const step of changes) {
          set.change(step);
          seen.push({ version: set.version, members: set.body.members });
        }
        const newest = set.body.members;
        for (const { version, members: then } of seen.slice(0, -1)) {
          if (version === set.version) continue;
          const since = set.changeSince(version);
          expect(since).toEqual({
            add: newest.filter((member) => !then.includes(member)),
            remove: then.filter((member) => !newest.includes(member)),
          });
        }
      }),
    );
  });

  test('has the version of its content, whatever way it came about', () => {
    fc.assert(
      fc.property(members, fc.array(change, { maxLength: 5 }), (first, changes) => {
        const set = new SetContent({ type: 'ip', members: first });
        for (const step of changes) set.change(step);
        expect(set.version).toBe(new SetContent(set.body).version);
      }),
    );
  });

  test('has another version when it has other members, or another type', () => {
    const versions = [[], ['a'], ['b'], ['a', 'b']].map(
      (list) => new SetContent({ type: 'ip', members: list }).version,
    );
    versions.push(new SetContent({ type: 'cidr', members: [] }).version);
    expect(new Set(versions).size).toBe(versions.length);
  });

  test('forgets changes that are larger than itself', () => {
    const set = new SetContent({ type: 'ip', members: [] });
    const { version } = set;
    const many = Array.from({ length: 100 }, (_, index) => `10.0.0.${index}`);
    set.change({ add: many, remove: [] });
    expect(set.changeSince(version)?.add).toHaveLength(100);
    set.change({ add: [], remove: many });
    expect(set.changeSince(version)).toBeUndefined();
  });
});
