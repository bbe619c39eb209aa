import { type Container, Containers } from "../containers.ts";
import type { Line } from "../lines.ts";
import { type ContainerSource, LogGone, type LogPiece } from "../source.ts";
import { type DockerApi, DockerError } from "./api.ts";
import { DockerEvents } from "./events.ts";
import { Demultiplexer, sinceParameter } from "./frames.ts";
import { ContainerStats } from "./stats.ts";

/** The containers of a stack on one Docker host. */
export class DockerSource implements ContainerSource {
  readonly name = "Docker";
  readonly containers = new Containers();
  readonly measures = true;
  readonly lagMs = 0;
  readonly #docker: DockerApi;
  readonly #events: DockerEvents;
  readonly #stats: ContainerStats;

  constructor(docker: DockerApi, stack: string, log: (line: string) => void) {
    this.#docker = docker;
    this.#events = new DockerEvents(docker, stack, this.containers, log);
    this.#stats = new ContainerStats(docker, this.containers);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#events.run(signal);
  }

  /** One piece, whatever restarts: Docker writes on in the same file. */
  log({ id }: Container): readonly LogPiece[] {
    return [(from, signal) => this.#lines(id, from, signal)];
  }

  usage() {
    return this.#stats.usage();
  }

  volumes() {
    return this.#stats.volumes();
  }

  async *#lines(id: string, from: bigint, signal: AbortSignal): AsyncIterable<readonly Line[]> {
    const since = from > 0n ? `&since=${sinceParameter(from)}` : "";
    const path = `/containers/${id}/logs?follow=true&stdout=true&stderr=true&timestamps=true${since}`;
    const answer = await this.#docker.stream(path, signal).catch((error: Error) => {
      throw error instanceof DockerError && error.status === 404 ? new LogGone(error.message) : error;
    });
    const demultiplexer = new Demultiplexer();
    for await (const chunk of answer) yield demultiplexer.take(chunk as Buffer);
    yield demultiplexer.end();
  }
}
