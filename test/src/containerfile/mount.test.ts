import { describe, expect, it } from 'vitest';
import { parseMount, parseSize } from '../../../src/containerfile/mount.ts';

const at = { file: 'F', line: 4 };

describe('mounts', () => {
  const cases: [string, object][] = [
    ['target=/a', { type: 'bind', target: '/a' }],
    ['type=bind,src=a,dst=/b,from=c,rw', { type: 'bind', source: 'a', target: '/b', from: 'c', readonly: false }],
    ['type=bind,destination=/b,readonly=false', { type: 'bind', target: '/b', readonly: false }],
    [
      'TYPE=Cache,id=x,target=/c,sharing=LOCKED,mode=0755,uid=1,gid=2,ro',
      {
        type: 'cache',
        id: 'x',
        target: '/c',
        sharing: 'locked',
        mode: 0o755,
        uid: 1,
        gid: 2,
        readonly: true,
      },
    ],
    ['type=cache,target=/c,from=a,source=/b', { type: 'cache', target: '/c', from: 'a', source: '/b' }],
    ['type=tmpfs,target=/t,size=10m', { type: 'tmpfs', target: '/t', size: 10 << 20 }],
    ['type=secret,id=s', { type: 'secret', id: 's' }],
    ['type=secret,id=s,env=TOKEN,required', { type: 'secret', id: 's', env: 'TOKEN', required: true }],
    [
      'type=secret,id=s,target=/s,required=0,mode=400',
      { type: 'secret', id: 's', target: '/s', required: false, mode: 0o400 },
    ],
    ['type=ssh', { type: 'ssh' }],
    ['type=bind,id=x,target=/a', { type: 'bind', id: 'x', target: '/a' }],
    ['required,type=ssh,id=default', { type: 'ssh', id: 'default', required: true }],
    ['"target=/a,b",source=c', { type: 'bind', target: '/a,b', source: 'c' }],
    ['"target=/a""b"', { type: 'bind', target: '/a"b' }],
    ['type=cache,target=', { type: 'cache' }],
  ];
  it.each(cases)('%s', (text, want) => {
    expect(parseMount(text, at, (value) => value)).toEqual(want);
    expect(parseMount(text, at)).toEqual(want);
  });

  const refused: [string, string][] = [
    ['', 'is no key'],
    ['type', 'type has no value'],
    ['type=x', 'want one of bind, cache, tmpfs, secret, ssh'],
    ['type=cache,tagret=/x', 'did you mean target?'],
    ['target=/a,dst=/b', 'target is given twice'],
    ['ro,rw', 'readonly and readwrite are both given'],
    ['ro=maybe', 'want true or false'],
    ['type=cache,mode=8', 'an octal number'],
    ['type=cache,uid=x', 'want a number'],
    ['type=cache,gid=4294967296', 'want a number'],
    ['type=cache,sharing=some', 'want one of shared, private, locked'],
    ['type=bind,sharing=shared', 'a mount of type bind has no sharing'],
    ['type=bind,mode=0', 'a mount of type bind has no mode'],
    ['type=tmpfs,sharing=shared', 'a mount of type tmpfs has no sharing'],
    ['type=tmpfs,size=x', 'want bytes'],
    ['type=cache,size=1', 'a mount of type cache has no size'],
    ['type=cache,required', 'a mount of type cache has no required'],
    ['type=secret', 'a secret mount needs an id'],
    ['type=secret,id=a,src=b', 'id and source are both given'],
    ['type=secret,id=a,from=b', 'a mount of type secret has no from'],
    ['from=$x', 'FROM … AS'],
    ['"target=/a', 'does not end'],
    ['target="/a"', 'a quote stands in the middle'],
  ];
  it.each(refused)('%s is refused', (text, message) => {
    expect(() => parseMount(text, at)).toThrow(message);
    expect(() => parseMount(text, at)).toThrow(expect.objectContaining({ code: 'PARSE', location: at }));
  });

  it('leaves out what it cannot know yet', () => {
    expect(parseMount('type=$t,target=/a,id=$i,sharing=locked', at)).toEqual({
      type: 'bind',
      target: '/a',
      sharing: 'locked',
    });
    expect(parseMount('type=cache,target=$a', at, (value) => value.replace('$a', '/x'))).toEqual({
      type: 'cache',
      target: '/x',
    });
  });
});

describe('sizes', () => {
  it.each([
    ['0', 0],
    ['1024', 1024],
    ['1k', 1024],
    ['1KB', 1024],
    ['1.5MiB', 1.5 * 2 ** 20],
    ['2 g', 2 ** 31],
    ['', undefined],
    ['-1', undefined],
    ['1x', undefined],
    ['9999999p', undefined],
  ])('%s: %s', (text, want) => {
    expect(parseSize(text)).toBe(want);
  });
});
