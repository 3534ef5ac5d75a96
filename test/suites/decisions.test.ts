import { onBothStores } from './both-stores.ts'
import { decisionsSuite } from './decisions-suite.ts'

onBothStores('decisions', decisionsSuite)
