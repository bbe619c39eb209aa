/** A container of the stack, as what runs it said last. */
export interface Container {
  /** Never another's: a container that is made anew has another one. */
  readonly id: string;
  readonly name: string;
  readonly service: string;
  readonly workload: string;
  readonly oneShot: boolean;
  /** created, running, restarting, exited, ... */
  readonly state: string;
  readonly running: boolean;
  /** Changes whenever it starts again; empty before its first start. */
  readonly instance: string;
  readonly restarts: number;
  readonly startedAt: string;
  readonly exitCode: number;
  /** null: it has no probe. */
  readonly healthy: boolean | null;
  /** 0: no limit. */
  readonly memoryLimit: number;
  /** Times that the kernel ended it, or a process in it, for want of memory, as far as the agent has seen. */
  readonly oomKills: number;
}

export interface ContainerListener {
  /** A container is there, or has started again. */
  readonly onRun?: (container: Container) => void;
  readonly onGone?: (id: string) => void;
}

/** All containers of a stack, kept up to date by a source. */
export class Containers<C extends Container = Container> {
  /** Whether what happens to them is being followed. */
  ready = false;
  readonly #known = new Map<string, C>();
  readonly #listeners: ContainerListener[] = [];

  get all(): readonly C[] {
    return [...this.#known.values()];
  }

  get(id: string): C | undefined {
    return this.#known.get(id);
  }

  has(id: string): boolean {
    return this.#known.has(id);
  }

  listen(listener: ContainerListener): void {
    this.#listeners.push(listener);
  }

  put(container: C): void {
    const before = this.#known.get(container.id);
    this.#known.set(container.id, container);
    if (before?.instance === container.instance) return;
    for (const { onRun } of this.#listeners) onRun?.(container);
  }

  forget(id: string): void {
    if (!this.#known.delete(id)) return;
    for (const { onGone } of this.#listeners) onGone?.(id);
  }

  /** Forgets all but these. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of [...this.#known.keys()]) if (!ids.has(id)) this.forget(id);
  }
}
