import { onBothStores } from './both-stores.ts'
import { storeSuite } from './store-suite.ts'

onBothStores('store', storeSuite)
