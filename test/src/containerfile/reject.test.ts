// What is refused: the line that is blamed and what is said about it.

import { describe, expect, it } from 'vitest';
import { parseContainerfile } from '../../../src/containerfile/parse.ts';
import { exposedPorts } from '../../../src/containerfile/ports.ts';
import { BuildError } from '../../../src/errors.ts';

function rejection(text: string | Uint8Array): BuildError {
  try {
    parseContainerfile(text, 'dir/Containerfile');
  } catch (error) {
    if (error instanceof BuildError) return error;
    throw error;
  }
  throw new Error('accepted');
}

describe('whole files', () => {
  const cases: [string, string | Uint8Array, number, string][] = [
    ['empty', '', 1, 'no instruction'],
    ['only comments', '# a\n\n# b\n', 3, 'no instruction'],
    ['no FROM', 'ARG a\n', 1, 'there is no FROM'],
    ['something before FROM', '# x\nRUN a\nFROM b', 2, 'RUN stands before the first FROM'],
    ['a directive twice', '# escape=\\\n# escape=`\nFROM a', 2, 'escape is given twice'],
    ['a wrong escape', '# escape=x\nFROM a', 1, 'want \\ or `, got x'],
    ['not UTF-8', Buffer.from('FROM a\nRUN \xff\n', 'latin1'), 2, 'not UTF-8'],
    ['not UTF-8 in a heredoc', Buffer.from('FROM a\nRUN <<E\n# \xff\nE\n', 'latin1'), 3, 'not UTF-8'],
    ['a NUL', 'FROM a\nRUN x \\\n \0\n', 3, 'NUL'],
    ['an ELF file', Buffer.from('\x7fELF\x02\x01\x01\x00\x00', 'latin1'), 1, 'NUL'],
    ['an open heredoc', 'FROM a\n\nRUN <<EOF\na\n', 3, 'want a line that holds only EOF'],
    ['the second heredoc is open', 'FROM a\nRUN x <<A <<B\nA\na\n', 2, 'want a line that holds only B'],
    ['the line after a continuation', 'FROM a\nRUN x \\\n  y\nFOO', 4, '"FOO" is no instruction'],
  ];
  it.each(cases)('%s', (_, text, line, message) => {
    const error = rejection(text);
    expect(error.code).toBe('PARSE');
    expect(error.location).toEqual({ file: 'dir/Containerfile', line });
    expect(error.message).toContain(message);
  });
});

describe('instructions', () => {
  const cases: [string, string][] = [
    ['RNU a', 'did you mean RUN?'],
    ['COPPY a b', 'did you mean COPY?'],
    ['SOMETHING', 'missing at the end of the line before'],
    ['RUN<<EOF', 'write a blank between RUN and <<'],
    ['FROM', 'want FROM IMAGE, or FROM IMAGE AS NAME'],
    ['FROM a b', 'want FROM IMAGE'],
    ['FROM a AS', 'want FROM IMAGE'],
    ['FROM a IS b', 'want FROM IMAGE'],
    ['FROM a AS b c', 'want FROM IMAGE'],
    ['FROM a AS 1', 'cannot have this name'],
    ['FROM a AS a/b', 'cannot have this name'],
    ['FROM a AS Scratch', 'named scratch'],
    ['FROM --platfrom=x a', 'did you mean --platform?'],
    ['FROM --platform a', '--platform of FROM has no value'],
    ['ARG', 'ARG needs a name'],
    ['ARG =a', 'a value without a name'],
    ['ENV', 'ENV needs a name and a value'],
    ['ENV a', 'a name without a value'],
    ['ENV a=b c', 'a word of ENV has no ='],
    ['ENV =a', 'a value without a name'],
    ['LABEL a', 'a name without a value'],
    ['RUN', 'RUN needs a command'],
    ['RUN []', 'RUN needs a command'],
    ['RUN [1]', 'holds strings only: got 1'],
    ['RUN ["a", ["b"]]', 'strings only'],
    ['RUN --network=off a', 'want one of none, default, host, got "off"'],
    ['RUN --security=x a', 'want one of sandbox, insecure'],
    ['RUN --device=x a', 'RUN --device is not supported'],
    ['RUN --user=x a', 'RUN has --mount, --network, --security'],
    ['RUN --network=none --network=host a', '--network is given twice'],
    ['RUN --mount=type=bnd x', 'want one of bind, cache'],
    ['CMD', 'CMD [] sets an empty one'],
    ['CMD --x', 'CMD has no flags'],
    ['ENTRYPOINT', 'ENTRYPOINT needs a command'],
    ['ENTRYPOINT [null]', 'strings only'],
    ['SHELL bash -c', 'JSON form only'],
    ['SHELL []', 'JSON form only'],
    ['COPY', 'at least a source and a target'],
    ['COPY a', 'at least a source and a target'],
    ['COPY ["a"]', 'at least a source and a target'],
    ['COPY a <<E\nx\nE', 'the target of COPY is a heredoc'],
    ['COPY <<"a b" /x\ny\na b', 'no word of its own'],
    ['COPY <<a/b /x\ny\na/b', 'its delimiter is its file name'],
    ['COPY --from=$x a b', 'FROM … AS'],
    ['COPY --from a b', '--from of COPY has no value'],
    ['COPY --link=yes a b', 'want true or false'],
    ['COPY --link= a b', 'want true or false'],
    ['COPY --checksum=x a b', 'COPY has no flag "--checksum"'],
    ['ADD --from=x a b', 'ADD has no flag "--from"'],
    ['ADD --parents a b', 'ADD has no flag "--parents"'],
    ['WORKDIR', 'WORKDIR needs an argument'],
    ['USER', 'USER needs an argument'],
    ['STOPSIGNAL', 'STOPSIGNAL needs an argument'],
    ['MAINTAINER', 'MAINTAINER needs an argument'],
    ['EXPOSE', 'EXPOSE needs a port'],
    ['VOLUME', 'VOLUME needs a path'],
    ['VOLUME []', 'VOLUME needs a path'],
    ['VOLUME [" "]', 'empty path'],
    ['HEALTHCHECK', 'want HEALTHCHECK NONE'],
    ['HEALTHCHECK a', 'want HEALTHCHECK NONE'],
    ['HEALTHCHECK NONE a', 'takes no arguments'],
    ['HEALTHCHECK --retries=1 NONE', 'takes no flags'],
    ['HEALTHCHECK CMD', 'HEALTHCHECK CMD needs a command'],
    ['HEALTHCHECK CMD []', 'HEALTHCHECK CMD needs a command'],
    ['HEALTHCHECK --interval=1 CMD a', 'want a duration'],
    ['HEALTHCHECK --interval=-1s CMD a', 'want a duration'],
    ['HEALTHCHECK --interval=1us CMD a', 'want a duration'],
    ['HEALTHCHECK --interval=.s CMD a', 'want a duration'],
    ['HEALTHCHECK --interval=99999999h CMD a', 'want a duration'],
    ['HEALTHCHECK --retries=-1 CMD a', 'whole number'],
    ['HEALTHCHECK --retries=1.5 CMD a', 'whole number'],
    ['ONBUILD', 'ONBUILD needs an instruction'],
    ['ONBUILD FROM a', 'FROM cannot be an ONBUILD trigger'],
    ['ONBUILD onbuild RUN a', 'ONBUILD cannot be an ONBUILD trigger'],
    ['ONBUILD MAINTAINER a', 'MAINTAINER cannot be an ONBUILD trigger'],
    ['ONBUILD BLAH', '"BLAH" is no instruction'],
    ['ONBUILD COPY a', 'at least a source and a target'],
  ];
  it.each(cases)('%s', (text, message) => {
    const error = rejection(`FROM scratch\n# a comment\n${text}\n`);
    expect(error.message).toContain(message);
    expect(error.code).toBe('PARSE');
    expect(error.location).toEqual({ file: 'dir/Containerfile', line: 3 });
  });
});

describe('ports', () => {
  it.each([
    [['80'], ['80/tcp']],
    [
      ['8000-8002/UDP', '8001/udp'],
      ['8000/udp', '8001/udp', '8002/udp'],
    ],
    [['127.0.0.1:80:90/sctp'], ['90/sctp']],
  ])('%j', (words, want) => {
    expect(exposedPorts(words)).toEqual(want);
  });

  it.each(['', 'x', '80/', '80/http', '65536', '90-80', '80-', '-80', '1-2-3', '$P'])('%j is none', (word) => {
    expect(() => exposedPorts([word], { file: 'F', line: 3 })).toThrow(
      expect.objectContaining({ code: 'PARSE', location: { file: 'F', line: 3 } }),
    );
  });
});
