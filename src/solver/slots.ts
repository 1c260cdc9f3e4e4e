// Owns: how many things run at once.

/** `--jobs`: at most `count` holders; others wait in the order they came. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs `work` when a slot is free. The slot is given back however the work ends. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((wake) => this.#waiting.push(wake));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

/** One holder a name; others wait. For `--mount=type=cache,sharing=locked`. */
export class NamedLocks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Waits for all names (taken in sorted order, so two holders cannot wait for each other), then runs. */
  async hold<T>(names: readonly string[], work: () => Promise<T>): Promise<T> {
    const [first, ...rest] = [...new Set(names)].sort();
    if (first === undefined) return await work();
    const before = this.#tails.get(first) ?? Promise.resolve();
    let release = (): void => {};
    const tail = new Promise<void>((done) => {
      release = done;
    });
    this.#tails.set(
      first,
      before.then(() => tail),
    );
    await before;
    try {
      return await this.hold(rest, work);
    } finally {
      release();
    }
  }
}
