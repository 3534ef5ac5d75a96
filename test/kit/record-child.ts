import { systemClock } from '../../runtime/core/time/clock.ts'
import { silentLog } from '../../runtime/core/log.ts'
import { createLedger } from '../../runtime/ledger/create-ledger.ts'

// Run by the story of ledgers: writes records into a gateway's journal until it is killed, and tells of each that lies there.
const [folder = ''] = process.argv.slice(2)
const ledger = createLedger({ folder, clock: systemClock, log: silentLog, limitBytes: 64 * 1024 * 1024 })
await ledger.open()
for (let value = 0; ; value++) {
  await ledger.appendSoon({ ledger: 'killed', value, flow: 'f', node: 'n', run: 'r' })
  process.send?.(value)
}
