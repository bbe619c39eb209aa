import { type ErrorEntries, exit } from "./entry.ts";

/** The command line, the configuration, and what a command is asked for. */
export const commandCodes = {
  E_USAGE: {
    exit: exit.usage,
    meaning: "A command, an option or an argument is missing, unknown or has a value that is not allowed.",
    fix: "Read the message, then run the command with `--help`: it shows the options and examples.",
  },
  E_CONFIG: {
    exit: exit.usage,
    meaning: "The configuration is wrong. The error lists every problem with file, line and column.",
    fix: "Correct the lines that it names, then run `./datalab config validate`.",
  },
  E_STACK_NAME: {
    exit: exit.usage,
    meaning: "The name of the stack is not valid.",
    fix: "Use at most 40 lower case letters, digits and dashes, and start with a letter.",
  },
  E_CONFIRM: {
    exit: exit.usage,
    meaning: "The command asks a question, and there is no terminal on which it could be answered.",
    fix: "Pass `--yes`, or `--confirm NAME` where the error says so.",
  },
  E_PASSWORD: {
    exit: exit.usage,
    meaning: "The password is too short or too long.",
    fix: "Write a longer or shorter one to standard input: `./datalab secrets hash-password < FILE`.",
  },
  E_SECRET: {
    exit: exit.usage,
    meaning: "The stack has no secret of this name, or the secret has no value yet.",
    fix: "`./datalab secrets list --all` shows the names, `./datalab secrets set NAME` gives one a value.",
  },
  E_SERVICE: {
    exit: exit.usage,
    meaning: "The stack has no service or workload of this name.",
    fix: "`./datalab services list` shows the names.",
  },
  E_DEPENDENTS: {
    exit: exit.usage,
    meaning: "Running services need the service that is to be stopped. Nothing was stopped.",
    fix: "Pass `--with-dependents` to stop them too, or use `./datalab services restart NAME`.",
  },
  E_NO_CLUSTER: {
    exit: exit.usage,
    meaning: "Manifests are asked for, and the stack does not run in a cluster.",
    fix: "Name a stack with `target: kubernetes`, such as `./datalab render --stack staging`.",
  },
  E_RENDER: {
    exit: exit.usage,
    meaning: "The folder of `--out` holds files that `render` did not write.",
    fix: "Name an empty folder, or the folder of an earlier `render`.",
  },
  E_SIZE: {
    exit: exit.usage,
    meaning: "The size of `./datalab cost` is none of those that exist.",
    fix: "Use one of the sizes that the error lists.",
  },
  E_NO_COST: {
    exit: exit.usage,
    meaning: "The stack has no estimate of costs, because its target is not AWS.",
    fix: "Name a stack with `target: aws`: `./datalab cost --stack NAME`.",
  },
  E_CHANGES: {
    meaning: "`preview --expect-no-changes` found changes.",
    fix: "Read the list of changes. Run `./datalab up` to apply them, or take them back in the files.",
  },
  E_LOCKED: {
    exit: exit.locked,
    meaning: "Another command works on this stack. The error names the command, its user and its process.",
    fix: "Wait for it to end, or stop it with Ctrl-C in its terminal.",
  },
  E_INTERRUPTED: {
    exit: exit.interrupted,
    meaning: "Ctrl-C or a signal stopped the command. What it had made is kept.",
    fix: "Run the same command again to finish. A pipeline's run goes on by itself.",
  },
  E_FILE_ACCESS: {
    meaning: "A file or folder of this machine can't be read or written. The error names it and the reason.",
    fix: "Create the folder, correct its owner or rights, or free space, and run the command again.",
  },
  E_UNEXPECTED: {
    meaning: "The command met an error that it does not know. This is a defect.",
    fix: "Run it again with `--verbose`, which shows where the error comes from, and report it.",
  },
  E_INTERNAL: {
    meaning:
      "A part of the platform failed while it worked on a request, or reported a code that this version does not know.",
    fix: "Read the part's log: `./datalab services logs NAME`. Run `./datalab up` when its version is older.",
  },
} as const satisfies ErrorEntries;
