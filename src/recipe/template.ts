// Owns: the `{version}` family of words that `file` and `mirrors` may hold, and the build args made of a version.

/** Every form of a version, by template word. `1.24.6-rc.1` is the example. */
const VERSION_FORMS: Readonly<Record<string, (version: string) => string>> = {
  version: (version) => version, //                                          1.24.6-rc.1
  version_major: (version) => version.split('.', 1)[0]!, //                  1
  version_major_minor: (version) => version.split('.', 2).join('.'), //      1.24
  version_under: (version) => version.replaceAll('.', '_'), //               1_24_6-rc_1
  version_dash: (version) => version.replaceAll('.', '-'), //                1-24-6-rc-1
  version_strip_suffix: (version) => version.replace(/-[^-]*$/, ''), //      1.24.6
};

/** The forms' names, `version` first. */
export const VERSION_WORDS: readonly string[] = Object.keys(VERSION_FORMS);

/** `VERSION`, `VERSION_MAJOR`…: one build arg per form. */
export function versionArgs(version: string): [string, string][] {
  return Object.entries(VERSION_FORMS).map(([word, form]) => [word.toUpperCase(), form(version)]);
}

/** What the words of one source stand for. An absent one may not be used. */
export interface TemplateValues {
  readonly version?: string | undefined;
  readonly file?: string | undefined;
  readonly format?: string | undefined;
}

/** Why a template cannot be filled in. */
export interface TemplateFault {
  readonly word: string;
  /** unknown: no such word. absent: the word is known and has no value here. open: a brace that is never closed. */
  readonly fault: 'unknown' | 'absent' | 'open';
}

/** Every `{word}` replaced once; what is put in is not looked at again. */
export function fillTemplate(template: string, values: TemplateValues): string | TemplateFault {
  let fault: TemplateFault | undefined;
  const filled = template.replace(
    /\{([^{}]*)(\}?)|\}/g,
    (whole, word: string | undefined, close: string | undefined) => {
      if (word === undefined || close !== '}') {
        fault ??= { word: whole, fault: 'open' };
        return whole;
      }
      const known = word === 'file' || word === 'format' || Object.hasOwn(VERSION_FORMS, word);
      const value = known ? valueBehind(word, values) : undefined;
      if (value === undefined) fault ??= { word, fault: known ? 'absent' : 'unknown' };
      return value ?? whole;
    },
  );
  return fault ?? filled;
}

function valueBehind(word: string, values: TemplateValues): string | undefined {
  if (word === 'file') return values.file;
  if (word === 'format') return values.format;
  return values.version === undefined ? undefined : VERSION_FORMS[word]!(values.version);
}

/** `go-linux.amd64` to `GO_LINUX_AMD64`: the name of a source as build args carry it. */
export function argPrefix(sourceName: string): string {
  return sourceName.toUpperCase().replace(/[-.]/g, '_');
}
