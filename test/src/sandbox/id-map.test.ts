import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  callerMap,
  formatIdMap,
  HOST_ROOT_BASE,
  HOST_ROOT_INSIDE,
  holdsIds,
  hostRootMap,
  type IdExtent,
  parseIdMap,
  parseSubordinateIds,
  sameIdsMap,
  stepMap,
} from '../../../src/sandbox/id-map.ts';

const extent = (inside: number, outside: number, count: number): IdExtent => ({ inside, outside, count });
const HOST = [extent(0, 0, 4_294_967_295)];

describe('reading', () => {
  it('takes uid_map as the kernel writes it', () => {
    const text = '         0       1001          1\n         1     100000      65535\n';
    expect(parseIdMap(text)).toEqual([extent(0, 1001, 1), extent(1, 100_000, 65_535)]);
    expect(formatIdMap(parseIdMap(text))).toBe('0 1001 1\n1 100000 65535\n');
  });

  it.each([
    ['by name', 'ann:100000:65536\nbob:165536:65536\n', [{ start: 165_536, count: 65_536 }]],
    ['by number', '1001:200000:10\n', [{ start: 200_000, count: 10 }]],
    [
      'several lines',
      'bob:1:2\n1001:5:6',
      [
        { start: 1, count: 2 },
        { start: 5, count: 6 },
      ],
    ],
    ['nonsense', '# bob\n:1:2\nbob\nbob:x:2\nbob:1:0\nbobby:1:2\n', []],
  ])('finds lines of /etc/subuid %s', (_, text, ranges) => {
    expect(parseSubordinateIds(text, 'bob', 1001)).toEqual(ranges);
  });

  it('does not take a number for a user without a name', () => {
    expect(parseSubordinateIds('undefined:1:2\n:3:4', undefined, 7)).toEqual([]);
  });
});

describe('maps', () => {
  it.each([
    ['one range', callerMap(1001, [{ start: 100_000, count: 65_536 }], HOST), '0 1001 1\n1 100000 65535\n'],
    [
      'two ranges',
      callerMap(
        7,
        [
          { start: 1000, count: 10 },
          { start: 5000, count: 99_999 },
        ],
        HOST,
      ),
      '0 7 1\n1 1000 10\n11 5000 65525\n',
    ],
    [
      'a parent of two extents: lines are split',
      callerMap(0, [{ start: 1, count: 100 }], [extent(0, 1000, 1), extent(1, 100_000, 50), extent(51, 300_000, 1000)]),
      '0 0 1\n1 1 50\n51 51 50\n',
    ],
    [
      'host root',
      hostRootMap(HOST_ROOT_BASE, HOST),
      '0 1879048192 65536\n65536 0 1879048192\n1879113728 1879113728 2415853567\n',
    ],
    ['root of a small container', sameIdsMap([extent(0, 1001, 1), extent(1, 100_000, 65_535)]), '0 0 1\n1 1 65535\n'],
    ['a step below host root', stepMap(hostRootMap(100_000, HOST)), '0 0 1\n1 1 65535\n'],
    ['a step below a user', stepMap(callerMap(1001, [{ start: 100_000, count: 65_536 }], HOST)), '0 0 1\n1 1 65535\n'],
    ['a step in single-id mode', stepMap([extent(0, 1001, 1)]), '0 0 1\n'],
  ])('%s', (_, map, text) => {
    expect(formatIdMap(map)).toBe(text);
  });

  it('gives no step an id of the host, whatever the base', () => {
    fc.assert(
      fc.property(fc.integer({ min: 65_536, max: 0x7fff_0000 }), (base) => {
        const map = hostRootMap(base, HOST);
        const outside = (id: number): number => {
          const line = map.find((one) => one.inside <= id && id < one.inside + one.count)!;
          return line.outside + (id - line.inside);
        };
        expect(outside(HOST_ROOT_INSIDE)).toBe(0);
        for (const { inside, count } of stepMap(map)) {
          for (const id of [inside, inside + count - 1]) {
            expect(outside(id)).toBeGreaterThanOrEqual(base);
            expect(outside(id)).toBeLessThan(base + 65_536);
          }
        }
      }),
    );
  });

  it('lies inside the extents of the parent, line by line, and overlaps nowhere', () => {
    const parentOf = (counts: readonly number[]): IdExtent[] => {
      let inside = 0;
      return counts.map((count, index) => {
        const one = extent(inside, 1_000_000 * (index + 1), count);
        inside += count;
        return one;
      });
    };
    const counts = fc.array(fc.integer({ min: 1, max: 70_000 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(counts, fc.nat(200_000), fc.integer({ min: 1, max: 100_000 }), (parents, start, count) => {
        const parent = parentOf(parents);
        const map = callerMap(0, [{ start: start + 1, count }], parent);
        for (const line of map) {
          expect(
            parent.some((one) => one.inside <= line.outside && line.outside + line.count <= one.inside + one.count),
          ).toBe(true);
        }
        const ids = map.flatMap((line) => [line.inside, line.inside + line.count - 1]);
        expect(ids).toEqual([...ids].sort((a, b) => a - b));
      }),
    );
  });

  it.each([
    [[extent(0, 5, 1), extent(1, 9, 10)], 0, 11, true],
    [[extent(1, 9, 10), extent(0, 5, 1)], 0, 11, true],
    [[extent(0, 5, 1), extent(2, 9, 10)], 0, 3, false],
    [[extent(0, 5, 1)], 1, 1, false],
    [[], 0, 1, false],
  ])('holdsIds(%j, %i, %i) is %s', (map, start, count, answer) => {
    expect(holdsIds(map, start, count)).toBe(answer);
  });
});
