import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { PortForward } from "@kubernetes/client-node";
import type { Cluster } from "./api.ts";

export interface Forward {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  close(): Promise<void>;
}

/** Makes a pod's port answer on a port of this machine's loopback, through the cluster's API. */
export async function forwardTo(cluster: Cluster, pod: string, port: number): Promise<Forward> {
  const forward = new PortForward(cluster.config);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    // Nothing that comes before the way is open may be lost.
    socket.pause();
    forward
      .portForward(cluster.target.namespace, pod, [port], socket, null, socket)
      .then((way) => {
        const end = () => socket.destroy();
        const opened = typeof way === "function" ? way() : way;
        opened?.on("close", end);
        opened?.on("error", end);
        socket.on("close", () => opened?.close());
        socket.resume();
      })
      .catch(() => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
