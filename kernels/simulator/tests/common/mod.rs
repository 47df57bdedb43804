//! What the tests share: a device with its stream and the test kernels.
#![allow(clippy::expect_used, dead_code, unsafe_code)]

use std::ffi::CString;
use std::sync::{Arc, Mutex, MutexGuard};

use cudarc::driver::result::{launch_kernel, module};
use cudarc::driver::sys::{CUdeviceptr, CUmodule};
use cudarc::driver::{CudaContext, CudaSlice, CudaStream, DevicePtr, DeviceRepr, DriverError};

/// As in kernels.cu.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct TestParams {
    pub a: CUdeviceptr,
    pub b: CUdeviceptr,
    pub out: CUdeviceptr,
    pub n: i32,
}

// SAFETY: plain data, laid out as the kernels' struct.
unsafe impl DeviceRepr for TestParams {}

pub struct Device {
    pub context: Arc<CudaContext>,
    pub stream: Arc<CudaStream>,
    pub module: CUmodule,
}

/// Tests of one binary take turns: faults and graphs' captures are everybody's.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Device {
    pub fn new(ordinal: usize) -> Result<Self, DriverError> {
        uvid_cuda_simulator::load();
        let context = CudaContext::new(ordinal)?;
        // SAFETY: the tests keep order between streams themselves.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream()?;
        // SAFETY: the simulator does not look at the image.
        let module = unsafe { module::load_data(b"image".as_ptr().cast()) }?;
        Ok(Self { context, stream, module })
    }

    pub fn launch(
        &self,
        kernel: &str,
        grid: u32,
        block: u32,
        shared_bytes: u32,
        params: &TestParams,
    ) -> Result<(), DriverError> {
        self.launch_on(&self.stream, kernel, grid, block, shared_bytes, params)
    }

    pub fn launch_on(
        &self,
        stream: &Arc<CudaStream>,
        kernel: &str,
        grid: u32,
        block: u32,
        shared_bytes: u32,
        params: &TestParams,
    ) -> Result<(), DriverError> {
        self.context.bind_to_thread()?;
        let mut arguments = [std::ptr::from_ref(params).cast_mut().cast()];
        // SAFETY: the kernels stay within what the tests give them, or the simulator ends the process.
        unsafe {
            let function = module::get_function(self.module, CString::new(kernel).expect("a name"))?;
            launch_kernel(function, (grid, 1, 1), (block, 1, 1), shared_bytes, stream.cu_stream(), &mut arguments)
        }
    }

    pub fn upload<T: DeviceRepr>(&self, values: &[T]) -> CudaSlice<T> {
        self.stream.clone_htod(values).expect("memory")
    }

    pub fn download<T: DeviceRepr + Clone + Default>(&self, from: &CudaSlice<T>) -> Vec<T> {
        self.stream.clone_dtoh(from).expect("the device's work")
    }

    pub fn at<T>(&self, slice: &CudaSlice<T>) -> CUdeviceptr {
        slice.device_ptr(&self.stream).0
    }
}

/// Before the first call: two devices of 64 MiB. Every test takes its turn by this.
pub fn devices() -> MutexGuard<'static, ()> {
    let turn = turn();
    if std::env::var_os("CUDA_SIMULATOR_DEVICES").is_none() {
        // SAFETY: tests that hold the turn alone read or write the environment.
        unsafe {
            std::env::set_var("CUDA_SIMULATOR_DEVICES", "2");
            std::env::set_var("CUDA_SIMULATOR_MEMORY", (64 << 20).to_string());
        }
    }
    uvid_cuda_simulator::load();
    turn
}

/// The kernel that adds `n` to 64 integers.
pub fn count(device: &Device, out: &CudaSlice<i32>, n: i32) -> Result<(), DriverError> {
    let params = TestParams { out: device.at(out), n, ..Default::default() };
    device.launch("test_count", 1, 64, 0, &params)
}

/// The `CUresult`.
pub fn code<T>(result: Result<T, DriverError>) -> i32 {
    result.map(drop).map_or_else(|error| error.0 as i32, |()| 0)
}
