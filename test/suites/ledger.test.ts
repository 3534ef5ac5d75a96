import { onBothStores } from './both-stores.ts'
import { ledgerSuite } from './ledger-suite.ts'

onBothStores('ledger', ledgerSuite)
