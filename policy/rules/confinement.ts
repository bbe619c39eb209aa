import { containersOf, docker, isStarted, podOf, type ResourceRule, show } from "./rule.ts";

/** The one thing of the host that a container may mount: the agent's. */
const socket = "/var/run/docker.sock";

export const restricted: ResourceRule = {
  name: "restricted",
  summary: "Containers are confined: no root user, no capabilities, a read-only root.",
  check(resource) {
    const { type, props } = resource;
    if (type === docker.container) return isStarted(resource) ? ofDocker(props) : neverStarted(props);
    const pod = podOf(resource);
    return pod ? ofPod(pod) : [];
  },
};

function ofDocker(props: Readonly<Record<string, unknown>>): string[] {
  const { user, readOnly, capabilities, securityOpts, privileged, pidMode, ipcMode, volumes } = props as {
    user?: string;
    readOnly?: boolean;
    capabilities?: { adds?: string[]; drops?: string[] };
    securityOpts?: string[];
    privileged?: boolean;
    pidMode?: string;
    ipcMode?: string;
    volumes?: { hostPath?: string }[];
  };
  const wrong: string[] = [];
  if (!user || /^(?:0|root)(?::|$)/.test(user))
    wrong.push(`expected a user that is not root, received ${show(user)}`);
  if (readOnly !== true) wrong.push("expected a read-only root, received a writable one");
  if (!capabilities?.drops?.includes("ALL") || (capabilities.adds ?? []).length > 0)
    wrong.push(`expected no capabilities, received ${show(capabilities)}`);
  if (!securityOpts?.includes("no-new-privileges:true"))
    wrong.push("expected no-new-privileges, received none");
  if (privileged) wrong.push("expected no privileges, received privileged");
  if (pidMode === "host" || ipcMode === "host")
    wrong.push("expected namespaces of its own, received the host's");
  for (const { hostPath } of volumes ?? [])
    if (hostPath && hostPath !== socket)
      wrong.push(`expected no host path except ${socket}, received ${show(hostPath)}`);
  return wrong;
}

/** A container that only holds a volume: it must have nothing that it could use if it were started. */
const neverStarted = ({
  networkMode,
  capabilities,
  privileged,
}: Readonly<Record<string, unknown>>): string[] =>
  networkMode === "none" && !privileged && (capabilities as { drops?: string[] })?.drops?.includes("ALL")
    ? []
    : ["expected a container that is never started to have no network and no capabilities, received some"];

// biome-ignore lint/suspicious/noExplicitAny: a pod's specification
function ofPod(pod: Record<string, any>): string[] {
  const own = pod.securityContext ?? {};
  const wrong: string[] = [];
  for (const field of ["hostNetwork", "hostPID", "hostIPC"])
    if (pod[field]) wrong.push(`expected namespaces of its own, received ${field}`);
  for (const { name, hostPath } of (pod.volumes ?? []) as { name: string; hostPath?: object }[])
    if (hostPath) wrong.push(`volume ${name}: expected no host path, received hostPath`);
  for (const { name, securityContext: context = {} } of containersOf(pod)) {
    const say = (expected: string, received: unknown) =>
      wrong.push(`container ${name}: expected ${expected}, received ${show(received)}`);
    const nonRoot = context.runAsNonRoot ?? own.runAsNonRoot;
    if (nonRoot !== true) say("runAsNonRoot", nonRoot);
    if (context.allowPrivilegeEscalation !== false)
      say("allowPrivilegeEscalation: false", context.allowPrivilegeEscalation);
    if (!context.capabilities?.drop?.includes("ALL"))
      say("capabilities.drop: [ALL]", context.capabilities?.drop);
    if ((context.capabilities?.add ?? []).length > 0) say("no capabilities", context.capabilities.add);
    const profile = (context.seccompProfile ?? own.seccompProfile)?.type;
    if (!["RuntimeDefault", "Localhost"].includes(profile)) say("a seccompProfile", profile);
    if (context.readOnlyRootFilesystem !== true)
      say("readOnlyRootFilesystem", context.readOnlyRootFilesystem);
    if (context.privileged) say("no privileges", "privileged");
  }
  return wrong;
}
