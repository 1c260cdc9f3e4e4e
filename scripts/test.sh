#!/bin/sh
# Owns: `npm test`, from a fresh clone to one closing line. Sets up what it needs and says what it could not; then types,
# style, dead code, and every test project. As root the sandbox tests run a second time, as an unprivileged user with
# an id range, because that is who the product is for.

set -u

cd "$(dirname "$0")/.."
root=$(pwd -P)
user=ocibuild-test

say() {
  printf '\n== %s\n' "$*"
}

# -- npm packages, development ones included

stamp=node_modules/.ocibuild-installed
if ! [ -d node_modules/vitest ] || ! [ -e "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
  say 'npm ci'
  # The launcher's lock, so that a run at the same time does not find half of node_modules.
  exec 9<.
  flock 9
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error || exit 1
  : >"$stamp"
  exec 9<&-
fi

# -- system tools: command, and the package of Debian that has it

tools='chromium:chromium runc:runc crun:crun newuidmap:uidmap busybox:busybox-static skopeo:skopeo umoci:umoci podman:podman buildah:buildah
xz:xz-utils zstd:zstd bzip2:bzip2 lzip:lzip python3:python3 gpg:gpg gpg-agent:gpg-agent docker-registry:docker-registry setfattr:attr git:git
gcc:g++ objdump:binutils xxd:xxd'
# g++ needs the C library's headers, which gcc only recommends.
# newuidmap and setfattr may lie where an unprivileged PATH does not look.
PATH=$PATH:/usr/sbin:/sbin
export PATH

missing_tools() {
  for tool in $tools; do
    command -v "${tool%%:*}" >/dev/null || printf '%s ' "${tool#*:}"
  done
}

missing=$(missing_tools)
if [ -n "$missing" ] && command -v apt-get >/dev/null; then
  as_root=
  if [ "$(id -u)" -ne 0 ]; then as_root='sudo -n'; fi
  if [ -z "$as_root" ] || sudo -n true 2>/dev/null; then
    say "installing $missing"
    $as_root apt-get -qq update
    # One by one: a package this system does not have keeps none of the others away.
    for package in $missing; do
      $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install --yes \
        --no-install-recommends "$package" >/dev/null || echo "could not install $package"
    done
    missing=$(missing_tools)
  fi
fi
if [ -n "$missing" ]; then
  say "these are missing, and the tests that use them are skipped: $missing"
fi

# -- the runs; each counts its tests into $results

results=$(mktemp -d)
copy=
clean_up() {
  rm -rf "$results"
  if [ -n "$copy" ]; then rm -rf --one-file-system "$copy"; fi
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A check that is not a test run counts as one.
check() {
  say "$1"
  if npm run --silent "$1"; then outcome=passed; else outcome=failed; fi
  printf '%s\n' "$outcome" >"$results/$1.check"
}

# vitest NAME COMMAND…: runs the command, which is to write vitest's JSON report to $results/NAME.json.
tests() {
  name=$1
  shift
  say "$name"
  printf 'failed\n' >"$results/$name.run"
  if "$@"; then printf 'passed\n' >"$results/$name.run"; fi
}

check check:types
check check:lint
check check:dead
sh scripts/compile.sh || printf 'failed\n' >"$results/compile.check"

vitest=node_modules/vitest/vitest.mjs
tests unit node "$vitest" run --project unit \
  --reporter=default --reporter=json --outputFile.json="$results/unit.json"
tests system node "$vitest" run --project sandbox --project interop --project regress \
  --reporter=default --reporter=json --outputFile.json="$results/system.json"

# -- the sandbox once more, as nobody in particular

prepare_user() {
  if ! id "$user" >/dev/null 2>&1; then
    useradd --create-home --shell /bin/sh "$user" || return 1
  fi
  # useradd gives a range by itself on most systems.
  if ! grep -q "^$user:" /etc/subuid || ! grep -q "^$user:" /etc/subgid; then
    usermod --add-subuids 1000000-1065535 --add-subgids 1000000-1065535 "$user" || return 1
  fi
  home=$(getent passwd "$user" | cut -d: -f6)
  copy=$(mktemp -d "$home/ocibuild.XXXXXX") || return 1
  tar -cf - --exclude=./.git --exclude=./out --exclude='./dist.*' . | tar -xf - -C "$copy" || return 1
  chown -R "$user:" "$copy"
}

if [ "$(id -u)" -eq 0 ]; then
  if prepare_user; then
    # Only what any user has: the caller's variables could help or hurt.
    tests unprivileged runuser -u "$user" -- env -i PATH="$PATH" HOME="$home" USER="$user" LOGNAME="$user" LANG=C.UTF-8 \
      sh -c 'cd "$1" && exec node "$2" run --project sandbox --reporter=default --reporter=json --outputFile.json="$1/results.json"' \
      sh "$copy" "$vitest"
    if [ -e "$copy/results.json" ]; then cp "$copy/results.json" "$results/unprivileged.json"; fi
  else
    say "cannot make an unprivileged user: the sandbox tests ran as root only"
  fi
fi

# -- the closing line

cd "$root"
node - "$results" <<'END'
const { existsSync, readFileSync, readdirSync } = require('node:fs');
const folder = process.argv[2];
const count = { passed: 0, failed: 0, skipped: 0 };
for (const name of readdirSync(folder)) {
  const path = `${folder}/${name}`;
  if (name.endsWith('.check')) count[readFileSync(path, 'utf8').trim()]++;
  if (!name.endsWith('.run')) continue;
  const before = count.failed;
  const report = path.replace(/run$/, 'json');
  const files = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')).testResults : [];
  for (const file of files) {
    const states = file.assertionResults.map((test) => test.status);
    for (const state of states) count[state in count ? state : 'skipped']++;
    // A file that could not even be loaded has no tests to count.
    if (file.status === 'failed' && !states.includes('failed')) count.failed++;
  }
  // A run that broke elsewhere, or wrote no report, failed too.
  if (readFileSync(path, 'utf8').trim() === 'failed' && count.failed === before) count.failed++;
}
console.log(`\n${count.skipped} skipped`);
console.log(`${count.passed} passed, ${count.failed} failed`);
process.exit(count.failed === 0 && count.passed > 0 ? 0 : 1);
END
