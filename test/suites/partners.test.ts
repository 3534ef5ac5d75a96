import { onBothStores } from './both-stores.ts'
import { partnersSuite } from './partners-suite.ts'

onBothStores('partners', partnersSuite)
