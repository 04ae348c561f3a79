// Tiers: `unit` is pure and takes seconds; the others need root and the lab's programs.
const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' }, sourceMaps: 'inline' },
    ],
  },
  transformIgnorePatterns: ['/node_modules/', '/xds/generated/wire/'],
};
const tier = (name, testMatch, more = {}) => ({ ...shared, displayName: name, testMatch, ...more });

export default {
  projects: [
    tier('unit', ['<rootDir>/test/**/*.test.ts'], {
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/(kube|dataplane|cluster)/'],
    }),
    tier('kube', ['<rootDir>/test/kube/**/*.test.ts'], {
      globalSetup: '<rootDir>/test/kube/setup.ts',
      globalTeardown: '<rootDir>/test/kube/teardown.ts',
    }),
    tier('dataplane', ['<rootDir>/test/dataplane/**/*.test.ts']),
    tier('cluster', ['<rootDir>/test/cluster/**/*.test.ts'], {
      globalSetup: '<rootDir>/test/cluster/setup.ts',
      globalTeardown: '<rootDir>/test/cluster/teardown.ts',
    }),
  ],
};
