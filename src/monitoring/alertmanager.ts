import type { Text } from "../model/refs.ts";
import type { AlertRoute } from "./routes.ts";
import { heartbeat } from "./rules.ts";

export interface AlertmanagerOptions {
  /** Where every alert is logged, with the user that may post there; the password is in a file. */
  readonly log: { readonly url: Text; readonly user: string | null };
  readonly routes: readonly AlertRoute[];
}

const mounted = "/run/datalab";
/** The file that holds the password of the alert log. */
export const logPasswordFile = "alert-log-password";
/** The file that holds a secret from outside. */
export const externalSecretFile = (name: string): string => `external-${name}`;

/**
 * Alertmanager's configuration: every alert goes to the platform's own log; routes say who else is told.
 * Alerts of one service come together; what is down is not told again by its checks.
 */
export function alertmanagerConfig({ log, routes }: AlertmanagerOptions): unknown {
  return {
    route: {
      receiver: "alert-log",
      group_by: ["alertname", "service", "workload"],
      group_wait: "5s",
      group_interval: "15s",
      repeat_interval: "4h",
      routes: [
        {
          receiver: "alert-log",
          matchers: [`alertname="${heartbeat}"`],
          group_wait: "0s",
          group_interval: "30s",
          repeat_interval: "30s",
        },
        { receiver: "alert-log", continue: true },
        ...routes.map((route) => ({
          receiver: route.name,
          matchers: matchers(route),
          repeat_interval: route.repeat,
          continue: true,
        })),
      ],
    },
    inhibit_rules: [
      {
        source_matchers: ['alertname=~"ServiceDown|ServiceUnhealthy"'],
        target_matchers: [
          'alertname=~"CheckFailing|CheckFlapping|TargetDown|EndpointSlow|CollectorFailing|ReplicaMissing"',
        ],
        equal: ["service"],
      },
      {
        source_matchers: ['alertname="ServiceDown"'],
        target_matchers: ['alertname=~"ServiceUnhealthy|ContainerStopped"'],
        equal: ["service"],
      },
      {
        // Without the core nothing is known of checks.
        source_matchers: ['alertname="CoreDown"'],
        target_matchers: ['alertname=~"Check.*|ChecksMissing|Collector.*"'],
      },
      {
        source_matchers: ['alertname="DiskFull"'],
        target_matchers: ['alertname=~"DiskUsageHigh|DiskFillsSoon"'],
      },
    ],
    receivers: [
      {
        name: "alert-log",
        webhook_configs: [
          {
            url: log.url,
            send_resolved: true,
            max_alerts: 0,
            ...(log.user !== null && {
              http_config: {
                basic_auth: { username: log.user, password_file: `${mounted}/${logPasswordFile}` },
              },
            }),
          },
        ],
      },
      ...routes.map(receiver),
    ],
  };
}

function matchers({ severities, services }: AlertRoute): string[] {
  return [
    `alertname!="${heartbeat}"`,
    `severity=~"${severities.join("|")}"`,
    ...(services ? [`service=~"${services.join("|")}"`] : []),
  ];
}

const title = "{{ .Status | toUpper }}: {{ .CommonLabels.alertname }} ({{ .CommonLabels.service }})";
const text = "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ end }}";
const secretFile = (name: string) => `${mounted}/${externalSecretFile(name)}`;

function receiver({ name, webhook, slack, email }: AlertRoute): unknown {
  return {
    name,
    ...(webhook && {
      webhook_configs: [
        {
          ...(webhook.urlSecret === undefined
            ? { url: webhook.url }
            : { url_file: secretFile(webhook.urlSecret) }),
          send_resolved: true,
        },
      ],
    }),
    ...(slack && {
      slack_configs: [
        {
          api_url_file: secretFile(slack.urlSecret),
          channel: slack.channel,
          send_resolved: true,
          color: '{{ if eq .Status "firing" }}danger{{ else }}good{{ end }}',
          title,
          text,
        },
      ],
    }),
    ...(email && {
      email_configs: [
        {
          to: email.to.join(", "),
          from: email.from,
          smarthost: email.server,
          require_tls: email.tls,
          send_resolved: true,
          headers: { Subject: title },
          text,
          ...(email.user !== undefined && { auth_username: email.user }),
          ...(email.passwordSecret !== undefined && {
            auth_password_file: secretFile(email.passwordSecret),
          }),
        },
      ],
    }),
  };
}
