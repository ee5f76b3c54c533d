/** The part of the package that is used here; it comes without types of its own. Float samples from -1 to 1, rates in hertz. */
declare module "sherpa-onnx-node" {
  type OfflineStream = { acceptWaveform(wave: { readonly samples: Float32Array; readonly sampleRate: number }): void };

  class OfflineRecognizer {
    private constructor();
    static createAsync(config: object): Promise<OfflineRecognizer>;
    createStream(): OfflineStream;
    decodeAsync(stream: OfflineStream): Promise<{ readonly text: string }>;
  }

  type Sherpa = { readonly OfflineRecognizer: typeof OfflineRecognizer; readonly version: string };
  const Sherpa: Sherpa;
  export default Sherpa;
}
