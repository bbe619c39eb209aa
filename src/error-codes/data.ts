import { type ErrorEntries, exit } from "./entry.ts";

/** Backups, restores and the drill. */
export const backupCodes = {
  E_BACKUP_UNKNOWN: {
    exit: exit.usage,
    meaning: "The stack has no such backup, or none at all.",
    fix: "`./datalab backup list` shows the backups, `./datalab backup create` makes one.",
  },
  E_BACKUP_TARGET: {
    exit: exit.usage,
    meaning: "The stack lacks services that the backup has data of. Nothing was touched.",
    fix: "Enable these services, run `./datalab up`, and restore again.",
  },
  E_BACKUP_DAMAGED: {
    meaning: "A part of the backup is missing or is not what was saved.",
    fix: "`./datalab backup verify` names the backups that are whole: restore one of those. `./datalab backup create` writes damaged files anew that the stack still has.",
  },
  E_BACKUP_FORMAT: {
    meaning: "Another version of DataLab wrote the record of the backup, and this version can't read it.",
    fix: "Restore it with the version that wrote it. Other backups are not affected; `./datalab backup prune` removes it only with `--remove-unreadable`.",
  },
  E_BACKUP_STORE: {
    meaning: "The place of the backups can't be reached.",
    fix: "Check `backup.to` in `Pulumi.<stack>.yaml` and the AWS credentials of your shell.",
  },
  E_DUMP: {
    meaning: "A database, or the files of a user, could not be read or written by a backup or restore.",
    fix: "Correct what the error says and run the command again. `./datalab platform status` shows what runs.",
  },
  E_HOME_GONE: {
    meaning: "A user's home was removed while a backup or restore ran. The others are not affected.",
    fix: "If it was removed on purpose, nothing needs to be done.",
  },
  E_HOME_LIMIT: {
    meaning:
      "A user's home is larger than `backup.homes.size`, or takes longer than `backup.homes.time`. It is passed by; the others are not affected.",
    fix: "Ask its owner to remove what is not needed, or raise the limit that the error names.",
  },
  E_HOME_UNSAVED: {
    meaning:
      "A user's home was not restored, because what is in it now could not be saved before. The others are not affected.",
    fix: "Correct what the error says and run the restore again, or use `--no-save` to replace the home nevertheless.",
  },
  E_HOME_START: {
    meaning: "The pod that opens a user's files for a backup or restore ended before it was ready.",
    fix: "Correct what its log in the error says, such as a volume that can't be mounted, and run the command again.",
  },
  E_RESTORE_INCOMPLETE: {
    meaning: "The restore did not finish. The services that need the data stay stopped.",
    fix: "The hint of the error says how to go on and how to go back.",
  },
  E_RESTORE_OBJECT: {
    meaning: "An object could not be written, or differs after it was written.",
    fix: "Check the object store with `./datalab platform status` and run `./datalab backup restore ID` again.",
  },
  E_RESTORE_DIFFERS: {
    meaning:
      "A database or a user's files differ from their dump after they were loaded. Nothing was replaced.",
    fix: "Run `./datalab backup verify ID`. If the backup is whole, run the restore again.",
  },
  E_RESTORE_UNHEALTHY: {
    meaning: "The data is restored, but health checks fail with it.",
    fix: "`./datalab services health` shows which. The hint of the error says how to go back.",
  },
  E_DRILL: {
    meaning: "The restore drill failed: health checks fail with the data of the backup.",
    fix: "Restore the backup into a stack of your own and look at the checks that the error lists.",
  },
  E_DRILL_STACK: {
    exit: exit.usage,
    meaning: "A stack that no drill has made has the name that the drill would use.",
    fix: "Rename or remove the file `Pulumi.<stack>.yaml` that the error names.",
  },
} as const satisfies ErrorEntries;

/** Moving the objects from one engine of the object store to another. */
export const migrationCodes = {
  E_STORE_START: {
    meaning: "An object store that the command starts beside the stack ended or was not ready in time.",
    fix: "Correct what its last lines in the error say and run the command again.",
  },
  E_STORE_VOLUME: {
    meaning: "A command on the object store's volume failed.",
    fix: "Correct what the error says, such as a full disk, and run the command again.",
  },
  E_NO_OBJECTS: {
    meaning: "The stack has no objects that could be moved.",
    fix: "On a new stack, set the engine in `Pulumi.<stack>.yaml` and run `./datalab up`.",
  },
  E_MIGRATE_NAMES: {
    meaning: "The other engine can't keep objects with these names.",
    fix: "Copy the objects to other names, delete these, and run `./datalab data migrate-store` again.",
  },
  E_MIGRATE_VERSIONS: {
    meaning: "A bucket keeps versions of its objects, which can't be moved.",
    fix: "Copy what you need of the older versions, empty the bucket, and run `./datalab data migrate-store` again.",
  },
  E_MIGRATE_COPY: {
    meaning: "An object could not be copied.",
    fix: "Correct what the error says and run `./datalab data migrate-store` again.",
  },
  E_MIGRATE_DIFFERS: {
    meaning: "The two engines do not hold the same objects after the copy. The old one stays in use.",
    fix: "Stop what writes to the store and run `./datalab data migrate-store` again.",
  },
  E_MIGRATE_NOT_READY: {
    meaning: "The objects are in the new engine and it runs, but another part of the stack did not start.",
    fix: "Correct what the error says and run `./datalab data migrate-store` again, which goes on from here.",
  },
} as const satisfies ErrorEntries;

/** Releases, promotion and rollback. */
export const releaseCodes = {
  E_RELEASE: {
    meaning: "There is no such release, its id is ambiguous, or its record can't be read.",
    fix: "`./datalab release list` shows the releases. Use a longer part of the id.",
  },
  E_RELEASE_STORE: {
    meaning: "The records of releases can't be reached.",
    fix: "They are stored beside the stack's state: check the access to its bucket or folder.",
  },
  E_PROMOTE: {
    meaning: "The promotion would not be safe. The error lists every reason. Nothing was changed.",
    fix: "Remove the reasons and run `./datalab promote SOURCE TARGET` again.",
  },
  E_ROLLBACK: {
    meaning: "There is no earlier release, or the files in this checkout are not those of the release.",
    fix: "Check out the files with the `git checkout` command that the error shows, then run the rollback again.",
  },
} as const satisfies ErrorEntries;

/** Answers over HTTP of the gateway and the core. A command that gets one ends with 1. */
export const httpCodes = {
  E_LOGIN: {
    meaning: "The request needs a login.",
    fix: "Log in on the gateway's page. Programs send a token: [gateway.md](gateway.md).",
  },
  E_TOKEN: {
    meaning: "The token is not valid for this stack or service.",
    fix: "Create one as [gateway.md](gateway.md) says, or run `./datalab up` after a change of secrets.",
  },
  E_AUTHORIZATION: {
    meaning: "The request has more than one Authorization header.",
    fix: "Send one.",
  },
  E_SESSION: {
    meaning: "The browser has no session.",
    fix: "Log in on the gateway's page.",
  },
  E_ADMINS: {
    meaning: "Only admins may open this page.",
    fix: "Log in as an admin, or add the user to `admins` in the gateway's options.",
  },
  E_NO_PASSWORDS: {
    meaning: "The gateway does not accept passwords.",
    fix: "Log in through the identity provider.",
  },
  E_FORM: {
    meaning: "The login form can't be read.",
    fix: "Load the login page again.",
  },
  E_HOST: {
    meaning: "The name in the address is not served here.",
    fix: "Use the address that `./datalab services list` shows, or add the name to `hosts` of the gateway.",
  },
  E_TLS: {
    meaning: "A program used http for a name that is served by https only.",
    fix: "Use the https address.",
  },
  E_ORIGIN: {
    meaning: "A page of another site, or a script with the browser's cookie, sent the request.",
    fix: "Open the page by its own address. Programs send a token: [gateway.md](gateway.md).",
  },
  E_INTERNAL_PATH: {
    meaning: "The path can be reached inside the platform only.",
    fix: "Use another path, or call it from a container of the platform.",
  },
  E_NOT_FOUND: {
    meaning: "The gateway has no such page.",
    fix: "Open the start page of the gateway.",
  },
  E_UNAVAILABLE: {
    meaning: "The service behind the gateway does not answer.",
    fix: "`./datalab services health NAME` shows which check fails. `./datalab up` starts it.",
  },
  E_UPSTREAM_LOST: {
    meaning: "The service ended while it worked on a request that changes something.",
    fix: "Check whether the change was made before you send the request again.",
  },
  E_METHOD: {
    meaning: "The core knows only the methods GET and POST.",
    fix: "Use one of them.",
  },
  E_URL: {
    meaning: "The path of the request can't be read.",
    fix: "Correct the address.",
  },
  E_PATH: {
    meaning: "The core has no such path.",
    fix: "Use one of the paths that the error lists.",
  },
  E_BODY: {
    meaning: "The body of the request is too long for the core.",
    fix: "Send less.",
  },
  E_ALERTS: {
    meaning: "The body is not what Alertmanager posts.",
    fix: "Check that nothing else posts to `/alerts`, and read `./datalab services logs core`.",
  },
  E_BACKUP_REPORT: {
    meaning: "The body is not the report of a backup.",
    fix: "Run `./datalab up`, so that the core has the version of the command line.",
  },
} as const satisfies ErrorEntries;
