import { type ResourceRule, show } from "./rule.ts";

interface Statement {
  readonly Effect?: string;
  readonly Action?: string | readonly string[];
  readonly Resource?: string | readonly string[];
}

const list = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === "string" ? [value] : value;

export const noWildcardAccess: ResourceRule = {
  name: "no-wildcard-access",
  summary: "A role has only the permissions that it needs.",
  check({ type, props }) {
    if (/^kubernetes:rbac\.authorization\.k8s\.io\/v1:(?:Cluster)?Role$/.test(type)) {
      const rules = (props.rules ?? []) as Record<string, string[] | undefined>[];
      return rules.flatMap((rule, i) =>
        ["verbs", "resources", "apiGroups"]
          .filter((field) => rule[field]?.includes("*"))
          .map((field) => `rule ${i + 1}: expected named ${field}, received "*"`),
      );
    }
    if (/^aws:iam\/rolePolicyAttachment:/.test(type)) {
      return /\/AdministratorAccess$/.test(props.policyArn ?? "")
        ? ["expected a policy of its own, received AdministratorAccess"]
        : [];
    }
    if (!/^aws:iam\/(?:policy|rolePolicy|userPolicy|groupPolicy):/.test(type)) return [];
    return statements(props.policy).flatMap((statement) => {
      if (statement.Effect !== "Allow") return [];
      const everything = list(statement.Action).filter((action) => action === "*" || action.endsWith(":*"));
      const everywhere = list(statement.Resource).includes("*");
      if (everything.includes("*")) return ['expected named actions, received "*"'];
      return everything.length > 0 && everywhere
        ? [`expected named actions or resources, received ${show(everything)} on "*"`]
        : [];
    });
  },
};

function statements(policy: unknown): readonly Statement[] {
  const document = (typeof policy === "string" ? JSON.parse(policy) : policy) as
    | { Statement?: Statement | Statement[] }
    | undefined;
  const found = document?.Statement ?? [];
  return Array.isArray(found) ? found : [found];
}
