import { type ErrorEntries, exit } from "./entry.ts";

/** The engine, the stack's state and secrets, and what `up`, `preview` and `down` refuse or can't do. */
export const engineCodes = {
  E_NOT_DEPLOYED: {
    meaning: "The stack is not deployed.",
    fix: "Run `./datalab up --stack NAME`, or name another stack.",
  },
  E_PLATFORM_OUTPUT: {
    meaning: "Another version of DataLab deployed the stack, and this version can't read what it wrote.",
    fix: "Run `./datalab up --stack NAME`, which brings the stack to this version.",
  },
  E_PULUMI_MISSING: {
    meaning: "The Pulumi CLI was not found.",
    fix: "Run the command through `./datalab`. If that does not help, `./setup.sh` installs the CLI.",
  },
  E_PULUMI: {
    meaning: "A Pulumi command failed. The error ends with its last lines.",
    fix: "Correct what these lines say and run the command again.",
  },
  E_ENGINE: {
    meaning: "The Pulumi engine failed while it made, changed or removed resources.",
    fix: "Correct what the error says and run `./datalab up` again. `--verbose` shows all that the engine prints.",
  },
  E_SETUP: {
    meaning: "A plugin of the Pulumi engine could not be installed.",
    fix: "Run the `./setup.sh` command that the error names, with `--verbose`.",
  },
  E_STALE_LOCK: {
    meaning: "A killed command left its lock on the stack's state.",
    fix: "Run `./datalab up`, which removes the lock and repairs the state.",
  },
  E_RECOVER: {
    meaning: "The state of the stack could not be repaired after a killed command.",
    fix: "Correct what the error says, such as a cluster that does not answer, and run `./datalab up` again.",
  },
  E_PASSPHRASE: {
    exit: exit.usage,
    meaning: "There is no passphrase for the stack's secrets, or it is the wrong one.",
    fix: 'Restore the file `.datalab/passphrase` with which the stack was made, and use `./datalab` or `eval "$(./datalab env)"`.',
  },
  E_MASTER_MISSING: {
    exit: exit.usage,
    meaning:
      "The stack's file has no master secret although the stack is deployed with one. Nothing was touched.",
    fix: "Restore `Pulumi.<stack>.yaml` from your repository or backup. If the secret is lost, `./datalab up --new-master-secret` replaces it and every password; earlier backups can't be read then.",
  },
  E_MASTER_CHANGED: {
    exit: exit.usage,
    meaning: "The stack's file has another master secret than the one that the stack was deployed with.",
    fix: "Restore `datalab:masterSecret` in `Pulumi.<stack>.yaml`. To change every password on purpose: `./datalab up --new-master-secret`.",
  },
  E_FOREIGN: {
    exit: exit.usage,
    meaning:
      "What carries the stack's name on its target belongs to another checkout, or no state knows it. Nothing was touched.",
    fix: "Work in the checkout that the error names, or choose another name with `--stack`. If that checkout or its state is lost: `./datalab platform adopt`.",
  },
  E_ADOPT: {
    exit: exit.usage,
    meaning:
      "There is nothing that `platform adopt` could take over, or it belongs to several installations.",
    fix: "Do what the error says: `./datalab up` for a stack of this checkout, or remove what is not wanted first.",
  },
  E_LOCK_LOST: {
    meaning: "Another command took over the stack's lock because this one gave no sign of life for a minute.",
    fix: "Run the command again when the other one has ended.",
  },
  E_LOCK_STORE: {
    meaning: "The lock beside the stack's state can't be reached, or its store has no conditional writes.",
    fix: "Give the login the same access to the bucket as to the state; [ci.md](ci.md) says what a store must know.",
  },
  E_STATE_STORE: {
    meaning: "What stands beside the stack's state can't be reached.",
    fix: "Give the login the same access to the bucket as to the state.",
  },
  E_MASTER_SECRET: {
    meaning: "The stack's master secret, from which its passwords derive, is damaged.",
    fix: "Restore `datalab:masterSecret` in `Pulumi.<stack>.yaml` from your repository or your backup.",
  },
  E_TARGET: {
    meaning: "This version can't deploy to the target of the stack.",
    fix: "Set `target` to one of those that the error lists.",
  },
  E_PLAN: {
    exit: exit.usage,
    meaning:
      "The saved plan does not fit: the stack, its configuration, its pipelines or its images have changed since. Nothing was touched.",
    fix: "Make another plan: `./datalab preview --save-plan FILE`.",
  },
  E_POLICY: {
    exit: exit.usage,
    meaning: "A resource violates a rule of the policy pack. Nothing was touched.",
    fix: "Change the configuration so that the rule is kept. [policy.md](policy.md) explains each rule.",
  },
  E_DATA_LOSS: {
    exit: exit.usage,
    meaning: "The command would delete or replace what holds data. Nothing was touched.",
    fix: "Take the change back, or pass `--allow-data-loss NAME` for each name that the error lists.",
  },
  E_BACKUP_REQUIRED: {
    exit: exit.usage,
    meaning: "A protected stack deletes data only after a fresh, verified backup. Nothing was touched.",
    fix: "Run `./datalab backup create --stack NAME`, then the command again. [backup.md](backup.md) says what a backup holds.",
  },
  E_STORE_ENGINE: {
    exit: exit.usage,
    meaning:
      "The configuration names another engine for the object store than the one that holds the objects.",
    fix: "Set the engine back, or move the objects: `./datalab data migrate-store --to ENGINE --stack NAME`.",
  },
  E_START: {
    meaning: "A container or pod can't start. The error shows its reason, its events and its last lines.",
    fix: "Correct the cause and run `./datalab up` again.",
  },
  E_NOT_READY: {
    meaning: "The services run, but some health checks still fail when the time is over.",
    fix: "`./datalab services logs NAME` shows what the service says. Then run `./datalab up` again.",
  },
  E_DOWN_INCOMPLETE: {
    meaning: "The stack is down, but some of its networks, volumes or containers could not be removed.",
    fix: "Run `./datalab down` again when whatever uses them has ended.",
  },
} as const satisfies ErrorEntries;
