// Who may import what (docs/architecture.md). test/compliance/dependencyRules.test.ts shows that each rule fails when it is broken.
const forbid = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    forbid(
      'no-circles',
      'A circle of imports cannot be read in one direction.',
      {},
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    ),
    forbid('unresolved', 'An import that resolves to nothing fails at run time.', {}, { couldNotResolve: true }),
    forbid('nothing-imports-test', 'Product code does not know its tests.', { pathNot: '^test/' }, { path: '^test/' }),
    forbid(
      'protocol-is-pure',
      'sdk/protocol imports hash and curve primitives only: no clock, random or IO.',
      { path: '^sdk/src/protocol/', pathNot: '\\.test\\.ts$' },
      { pathNot: ['^sdk/src/(protocol/|errors\\.ts$|signer\\.ts$)', 'node_modules/@noble/(hashes|curves)/'] },
    ),
    forbid(
      'sdk-is-the-base',
      'sdk imports no other workspace, but lazily what rechecks proofs.',
      { path: '^sdk/src/', pathNot: '^sdk/src/client/openProofTools\\.ts$' },
      {
        path: [
          '^circuits/(?!solidity/contracts\\.json$)',
          '^node/',
          '^validator/',
          '^web/',
          '^programs/(?!karma/idl\\.json$)',
        ],
      },
    ),
    forbid(
      'circuits-know-no-market',
      'circuits imports nothing of ours: it knows BN254 and integers.',
      { path: '^circuits/' },
      { path: '^(sdk|node|validator|web|programs)/' },
    ),
    forbid(
      'one-owner-of-snarkjs',
      'What knows BN254 stands in circuits.',
      { path: '^(sdk|node|validator|web|programs|test)/' },
      { path: 'node_modules/(snarkjs|circomlibjs|circomlib|circom2)/' },
    ),
    forbid(
      'commitment-is-browser-safe',
      'A page commits to tensors too.',
      { path: '^circuits/src/commitment/tensorCommitter\\.ts$' },
      { path: ['^(node:)?[a-z_]+$', '^(node:)?(fs|timers|stream|dns|path|readline|util)/'], reachable: true },
    ),
    forbid(
      'verify-is-browser-safe',
      'A page checks proofs, with nothing that makes them.',
      { path: '^circuits/src/verify/', pathNot: '\\.test\\.ts$' },
      {
        path: [
          '^(node:)?[a-z_]+$',
          '^(node:)?(fs|timers|stream|dns|path|readline|util)/',
          'node_modules/(snarkjs|circomlibjs|circomlib|circom2)/',
        ],
        reachable: true,
      },
    ),
    forbid(
      'runtime-stays-in-node',
      'What a browser loads never reaches sdk/runtime.',
      { path: '^sdk/src/(protocol|client)/', pathNot: '\\.test\\.ts$' },
      { path: '^sdk/src/runtime/' },
    ),
    forbid(
      'one-user-of-opentelemetry',
      'Spans leave through sdk/runtime/spanExport alone, which is loaded only where traces are wanted.',
      { path: '^(sdk|node|validator|web|programs)/', pathNot: '^sdk/src/runtime/spanExport\\.ts$' },
      { path: 'node_modules/@opentelemetry/' },
    ),
    forbid(
      'one-user-of-anchor',
      'Only sdk/program knows Anchor’s client.',
      { path: '^(sdk|node|validator|web|programs)/', pathNot: '^sdk/src/program/|\\.test\\.ts$' },
      { path: 'node_modules/@coral-xyz/anchor/' },
    ),
    forbid(
      'one-user-of-ethers',
      'Only sdk/evm knows an EVM chain’s client.',
      { path: '^(sdk|circuits|node|validator|web|programs)/', pathNot: '^sdk/src/evm/' },
      { path: 'node_modules/ethers/' },
    ),
    forbid(
      'one-user-of-x402',
      'Only the gateway’s payments/x402 and the example page know x402’s packages.',
      { path: '^(sdk|circuits|node|validator|web|programs)/', pathNot: '^web/(gateway/payments/x402|dapp)/' },
      { path: 'node_modules/@x402/' },
    ),
    forbid(
      'one-user-of-ai-sdk',
      'Only sdk/ai-sdk knows that framework, and who wants none of it loads none.',
      { path: '^(sdk|circuits|node|validator|web|programs)/', pathNot: '^sdk/src/ai-sdk/' },
      { path: 'node_modules/(@ai-sdk|ai)/' },
    ),
    forbid(
      'ai-sdk-is-browser-safe',
      'A page loads sdk/ai-sdk, and with it what it takes of sdk/client.',
      { path: '^sdk/src/ai-sdk/', pathNot: '\\.test\\.ts$' },
      {
        path: ['^sdk/src/(?!(ai-sdk|client|protocol)/)', '^(node:)?[a-z_]+$'],
        dependencyTypesNot: ['type-only'],
      },
    ),
    forbid(
      'evm-is-browser-safe',
      'A dApp’s page loads sdk/evm: files and keys are its caller’s.',
      { path: '^sdk/src/evm/', pathNot: '\\.test\\.ts$' },
      {
        path: [
          '^sdk/src/(runtime|network|participant|cli)/',
          '^sdk/src/program/(?!(accounts|address)\\.ts$)',
          '^(node:)?[a-z_]+$',
        ],
        dependencyTypesNot: ['type-only'],
      },
    ),
    forbid(
      'engines-have-no-network',
      'An engine computes; it neither listens nor dials.',
      { path: '^node/src/engines/', pathNot: '\\.test\\.ts$' },
      {
        path: [
          '^sdk/src/(network|program)/',
          '^node/src/worker/',
          'node_modules/(@libp2p|libp2p)/',
          '^(node:)?(net|http|https|dgram|tls)$',
        ],
      },
    ),
    forbid(
      'exact-page-is-browser-safe',
      'A page loads the exact engine through engines/exact/browser: nothing there reaches what only Node has, by whatever way.',
      { path: '^node/src/engines/exact/browser/', pathNot: '\\.test\\.ts$' },
      {
        path: [
          '^sdk/src/(runtime|network|participant|cli)/',
          'node_modules/(node-llama-cpp|pino)/',
          '^(node:)?[a-z_]+$',
          '^(node:)?(fs|timers|stream|dns|path|readline|util)/',
        ],
        reachable: true,
      },
    ),
    forbid(
      'conversion-is-browser-safe',
      'A tab converts models too: files and hashing are parts.',
      { path: '^node/src/engines/exact/convert/', pathNot: '\\.test\\.ts$' },
      {
        pathNot: [
          '^node/src/engines/exact/(convert/|file/(exactFile|exactShape|layerFormats)\\.ts$)',
          '^node/src/models/(gguf|manifestOf)\\.ts$',
          '^sdk/src/(protocol/|errors\\.ts$)',
        ],
      },
    ),
    forbid(
      'worker-is-browser-safe',
      'node/worker also runs in a tab: engine, stores and clock are parts.',
      { path: '^node/src/worker/', pathNot: '\\.test\\.ts$' },
      { path: ['^sdk/src/runtime/', '^node/src/(engines|models|cli)/'], dependencyTypesNot: ['type-only'] },
    ),
    forbid(
      'worker-has-no-builtins',
      'A tab has no disk and no sockets.',
      { path: '^node/src/worker/', pathNot: '\\.test\\.ts$' },
      { dependencyTypes: ['core'] },
    ),
    forbid(
      'validator-has-its-doors',
      'A validator replays answers with node/engines and node/models, never with node/worker.',
      { path: '^validator/' },
      { path: ['^node/src/(worker|cli)/', '^node/src/main\\.ts$', '^web/', '^programs/'] },
    ),
    forbid(
      'gateway-imports-sdk-only',
      'A gateway speaks to workers and validators by protocol.',
      { path: '^web/gateway/' },
      { path: ['^node/', '^validator/'] },
    ),
    forbid(
      'client-is-browser-safe',
      'A browser loads sdk/client: of the program’s client it may know accounts and addresses, without Anchor and web3.js.',
      { path: '^sdk/src/client/', pathNot: '\\.test\\.ts$' },
      {
        path: [
          '^sdk/src/(network|cli)/',
          '^sdk/src/participant/(?!staking/(moment|standing)\\.ts$)',
          '^sdk/src/program/(?!(accounts|address|addresses|associatedTokenAccount|checkedConfig|compileTransaction|explorer|programId|stakeInstructions)\\.ts$)',
          'node_modules/(@coral-xyz|@solana)/',
          '^(node:)?[a-z_]+$',
        ],
        dependencyTypesNot: ['type-only'],
      },
    ),
    forbid(
      'dashboard-has-its-doors',
      'The page knows sdk/client and sdk/protocol, React, zod and what wallets speak, and of the gateway its types alone.',
      { path: '^web/dashboard/src/', pathNot: '\\.test\\.tsx?$' },
      {
        pathNot: [
          '^web/dashboard/src/',
          '^sdk/src/(client|protocol)/index\\.ts$',
          '^circuits/src/(commitment/tensorCommitter|verify/index)\\.ts$',
          'node_modules/(@types/)?(react|react-dom|zod)/',
          'node_modules/(@wallet-standard/(app|features)|@solana/wallet-standard-features)/',
        ],
        dependencyTypesNot: ['type-only'],
      },
    ),
    forbid(
      'dapp-has-its-doors',
      'The example page is what builders copy: of ours it knows sdk/client alone.',
      { path: '^web/dapp/src/' },
      { path: '^(sdk|circuits|node|validator|web|programs)/', pathNot: '^(web/dapp/src/|sdk/src/client/index\\.ts$)' },
    ),
    forbid(
      'nobody-imports-the-page',
      'The gateway serves the page as files; nothing is built on its source, nor on the example’s.',
      { path: '^(sdk|node|validator|web/gateway|programs)/' },
      { path: '^web/(dapp|dashboard)/' },
    ),
    forbid(
      'node-does-not-judge',
      'A worker does not import who judges or pays it.',
      { path: '^node/' },
      { path: ['^validator/', '^web/', '^programs/'] },
    ),
    forbid(
      'localnet-is-a-cluster',
      'Everything else speaks to localnet by RPC only.',
      { path: '^(sdk|node|validator|web)/' },
      { path: '^programs/(?!karma/idl\\.json$)' },
    ),
    forbid(
      'cluster-knows-no-market',
      'The cluster is Solana’s; only `up` knows what runs on it.',
      { path: '^programs/localnet/src/', pathNot: '^programs/localnet/src/up(/|\\.ts$)' },
      { path: ['^node/', '^validator/', '^web/', '^sdk/src/(program|network|client|protocol)/'] },
    ),
    forbid(
      'no-dev-dependencies-in-products',
      'Product code needs no test tool.',
      { path: '^(sdk|node|validator|web|programs)/', pathNot: '\\.test\\.ts$' },
      { path: 'node_modules/(vitest|openai|ai|typescript|dependency-cruiser|knip|solc|@biomejs)/' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    // `#sha256` is OpenSSL's on Node and `sha256.ts` in a page; only the conditions of package.json tell them apart, which one graph cannot hold.
    exclude: { path: '(^|/)(dist|target)/|^sdk/src/protocol/sha256\\.node\\.ts$' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
