import { openOwnLedgers, travelling } from './own-ledgers.ts'

// Run by the story of ledgers: appends to a ledger, signs and witnesses it until it is killed, and tells of each record that has its number.
const [dataDir = '', name = ''] = process.argv.slice(2)
const ledgers = await openOwnLedgers({ dataDir, shared: true })
for (let turn = 0; ; turn++) {
  const ids = [0, 1, 2].map((place) => `${name}-${turn}-${place}`)
  const answers = await ledgers.take(name, ids.map((id) => travelling(id, { turn })))
  for (const [place, answer] of answers.entries()) if ('number' in answer) process.send?.({ id: ids[place], number: answer.number })
  await ledgers.look()
}
