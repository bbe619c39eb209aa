/** What the comment of a pull request says for each kind of change, word for word but for hashes. */
const head = "<!-- datalab preview rel1 -->\n## Preview of `rel1`\n\n";
const sameCapacity = `### Capacity

| | before | after | change |
| --- | ---: | ---: | ---: |
| memory | 1.8 GiB | 1.8 GiB |  |
| processors | 0.65 cores | 0.65 cores |  |
| storage | 30.0 GiB | 30.0 GiB |  |
`;
const noViolations = `
### Policy

No violations of 11 rules.

`;

export const comments = {
  nothing: `${head}**No changes.**

${sameCapacity}${noViolations.trimEnd()}\n`,
  resize: `${head}**0 created, 1 updated, 0 replaced, 0 deleted**, 21 unchanged

### Capacity

| | before | after | change |
| --- | ---: | ---: | ---: |
| memory | 1.8 GiB | 1.9 GiB | +128 MiB |
| processors | 0.65 cores | 0.65 cores |  |
| storage | 30.0 GiB | 30.0 GiB |  |
${noViolations}<details>
<summary>1 change</summary>

**Updated**

| kind | name | what changes |
| --- | --- | --- |
| Container | \`postgres\` | memory 512 → 640, memorySwap 512 → 640 |

</details>
`,
  "new service": `${head}**2 created, 0 updated, 2 replaced, 0 deleted**, 20 unchanged

### ⚠ Temporarily unavailable

- The container core is created again: it is unavailable meanwhile.

### Capacity

| | before | after | change |
| --- | ---: | ---: | ---: |
| memory | 1.8 GiB | 1.9 GiB | +64.0 MiB |
| processors | 0.65 cores | 0.675 cores | +0.025 cores |
| storage | 30.0 GiB | 30.0 GiB |  |
${noViolations}<details>
<summary>All 4 changes</summary>

**Replaced**

| kind | name | what changes |
| --- | --- | --- |
| Container | \`core\` | labels[datalab.files] HASH → HASH (replaces) |
| Container | \`core-files\` | uploads (replaces) |

**Created**

| kind | name | what changes |
| --- | --- | --- |
| Service | \`node-exporter\` |  |
| Container | \`node-exporter\` |  |

</details>
`,
  "removed bucket": `${head}**0 created, 0 updated, 3 replaced, 0 deleted**, 19 unchanged

### ⚠ Temporarily unavailable

- The container object-store is created again: it is unavailable meanwhile.
- The container toy is created again: it is unavailable meanwhile.

${sameCapacity}${noViolations}<details>
<summary>All 3 changes</summary>

**Replaced**

| kind | name | what changes |
| --- | --- | --- |
| Container | \`object-store\` | labels[datalab.files] HASH → HASH (replaces) |
| Container | \`object-store-files\` | uploads (replaces) |
| Container | \`toy\` | envs[0] BUCKET=http://object-store:9000 → BUCKET=none (replaces), envs[1] −DATALAB_WAIT=object-store:9000 (replaces), envs[2] −DATALAB_WAIT_SECONDS=300 (replaces) |

</details>
`,
  rename: `${head}**4 created, 0 updated, 4 replaced, 4 deleted**, 14 unchanged

### ⚠ Temporarily unavailable

- The container toy is deleted: it is gone.
- The container core is created again: it is unavailable meanwhile.
- The container object-store is created again: it is unavailable meanwhile.

${sameCapacity}${noViolations}<details>
<summary>All 12 changes</summary>

**Deleted**

| kind | name | what changes |
| --- | --- | --- |
| Service | \`toy\` |  |
| Container | \`toy\` |  |
| Container | \`toy-files\` |  |
| Volume | \`toy-files\` |  |

**Replaced**

| kind | name | what changes |
| --- | --- | --- |
| Container | \`core\` | labels[datalab.files] HASH → HASH (replaces) |
| Container | \`core-files\` | uploads (replaces) |
| Container | \`object-store\` | labels[datalab.files] HASH → HASH (replaces) |
| Container | \`object-store-files\` | uploads (replaces) |

**Created**

| kind | name | what changes |
| --- | --- | --- |
| Service | \`game\` |  |
| Container | \`game\` |  |
| Container | \`game-files\` |  |
| Volume | \`game-files\` |  |

</details>
`,
  "image bump": `${head}**0 created, 0 updated, 2 replaced, 0 deleted**, 20 unchanged

### ⚠ Temporarily unavailable

- The container core is created again: it is unavailable meanwhile.
- The container toy is created again: it is unavailable meanwhile.

${sameCapacity}${noViolations}<details>
<summary>All 2 changes</summary>

**Replaced**

| kind | name | what changes |
| --- | --- | --- |
| Container | \`core\` | labels[datalab.release] HASH → HASH (replaces) |
| Container | \`toy\` | labels[datalab.release] HASH → HASH (replaces) |

</details>
`,
} as const;
