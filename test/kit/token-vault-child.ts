import { openDomain, openTokenVault } from './token-vault.ts'

/** Tokenizes twenty values at a time and looks at them, and says so after each batch, until it is killed. */
const vault = await openTokenVault({ dataDir: process.argv[2] as string })
await openDomain(vault, 'people')
for (let batch = 0; ; batch++) {
  const values = Array.from({ length: 20 }, (_, index) => `value ${batch} ${index}`)
  const tokens = await vault.tokenize('people', 'deterministic', values)
  await vault.reveal('people', tokens)
  if (batch % 5 === 0) await vault.tokens.desk.domains.rotate('people', 'admin')
  process.stdout.write(`${JSON.stringify({ values, tokens })}\n`)
}
