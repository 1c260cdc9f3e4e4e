// Owns: the platform of an image, `os/architecture[/variant]`, in Go's words (GOOS, GOARCH).

import { OciError } from './errors.ts';

export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', arm: 'arm', arm64: 'arm64' };
const ALIASES: Readonly<Record<string, string>> = { x86_64: 'amd64', 'x86-64': 'amd64', aarch64: 'arm64', i386: '386' };

/** The platform this program runs on. */
export function hostPlatform(): Platform {
  return { architecture: ARCHITECTURES[process.arch] ?? process.arch, os: 'linux' };
}

/** `linux/amd64`, `linux/arm/v7`, or an architecture alone. Throws OciError PLATFORM_INVALID. */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/');
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9_.-]+$/.test(part))) {
    throw new OciError('PLATFORM_INVALID', 'not a platform', { want: 'os/architecture[/variant]', got: text });
  }
  const [os, architecture, variant] = parts.length === 1 ? ['linux', parts[0]!] : [parts[0]!, parts[1]!, parts[2]];
  const base = { architecture: ALIASES[architecture] ?? architecture, os };
  // arm64's v8 and amd64's v1 are the baseline, which image indexes leave out.
  const baseline =
    (base.architecture === 'arm64' && variant === 'v8') || (base.architecture === 'amd64' && variant === 'v1');
  return variant === undefined || baseline ? base : { ...base, variant };
}

export function formatPlatform(platform: Platform): string {
  const base = `${platform.os}/${platform.architecture}`;
  return platform.variant === undefined ? base : `${base}/${platform.variant}`;
}

export function samePlatform(one: Platform, other: Platform): boolean {
  return formatPlatform(one) === formatPlatform(other);
}
