// Stands in for ali-oss in the bundles: fc2 loads it for uploading code, which no function of ours does, and it would
// be four fifths of what an instance has to load.
module.exports = class NoOss {
  constructor() {
    throw new Error('ali-oss is not part of this bundle');
  }
};
